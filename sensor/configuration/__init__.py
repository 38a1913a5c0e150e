"""The one configuration file of the service: read, checked, overridden by options, shown."""

from sensor.configuration.model import Address, Configuration
from sensor.configuration.read import (
    check_configuration,
    default_configuration,
    load_configuration,
)
from sensor.configuration.show import example_configuration, show_configuration

__all__ = [
    "Address",
    "Configuration",
    "check_configuration",
    "default_configuration",
    "example_configuration",
    "load_configuration",
    "show_configuration",
]
