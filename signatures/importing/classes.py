"""What a rule's ``classtype`` and priority say here: category and severity.

The classes and their priorities are those of Suricata's etc/classification.config.
"""

from types import MappingProxyType

from signatures.model import Category, Severity

_POLICY, _MALWARE, _SCAN = Category.POLICY, Category.MALWARE, Category.SCAN
_CLASSES: MappingProxyType[str, tuple[Category, int]] = MappingProxyType(
    {
        "attempted-recon": (_SCAN, 2),
        "successful-recon-limited": (_SCAN, 2),
        "successful-recon-largescale": (_SCAN, 2),
        "network-scan": (_SCAN, 3),
        "trojan-activity": (_MALWARE, 1),
        "command-and-control": (_MALWARE, 1),
        "domain-c2": (_MALWARE, 1),
        "exploit-kit": (_MALWARE, 1),
        "targeted-activity": (_MALWARE, 1),
        "shellcode-detect": (_MALWARE, 1),
        "coin-mining": (_MALWARE, 2),
        "pup-activity": (_MALWARE, 2),
        "credential-theft": (Category.EXFILTRATION, 1),
        "social-engineering": (Category.IMPERSONATION, 2),
        "policy-violation": (_POLICY, 1),
        "inappropriate-content": (_POLICY, 1),
        "external-ip-check": (_POLICY, 2),
        "default-login-attempt": (_POLICY, 2),
        "suspicious-login": (_POLICY, 2),
        "tcp-connection": (Category.CUSTOM, 4),
        "attempted-user": (Category.CUSTOM, 1),
        "unsuccessful-user": (Category.CUSTOM, 1),
        "successful-user": (Category.CUSTOM, 1),
        "attempted-admin": (Category.CUSTOM, 1),
        "successful-admin": (Category.CUSTOM, 1),
        "web-application-attack": (Category.CUSTOM, 1),
        "attempted-dos": (Category.CUSTOM, 2),
        "successful-dos": (Category.CUSTOM, 2),
        "denial-of-service": (Category.CUSTOM, 2),
        "bad-unknown": (Category.CUSTOM, 2),
        "misc-attack": (Category.CUSTOM, 2),
        "non-standard-protocol": (Category.CUSTOM, 2),
        "rpc-portmap-decode": (Category.CUSTOM, 2),
        "suspicious-filename-detect": (Category.CUSTOM, 2),
        "system-call-detect": (Category.CUSTOM, 2),
        "unusual-client-port-connection": (Category.CUSTOM, 2),
        "web-application-activity": (Category.CUSTOM, 2),
    }
)
"""The others mean nothing closer, and have priority 3."""
_SEVERITIES = MappingProxyType({1: Severity.HIGH, 2: Severity.MEDIUM})
_SIGNATURE_SEVERITIES = MappingProxyType(
    {
        "critical": Severity.CRITICAL,
        "major": Severity.HIGH,
        "minor": Severity.MEDIUM,
        "informational": Severity.LOW,
    }
)
"""``metadata: signature_severity`` of the Emerging Threats rules."""


def category_of(classtype: str) -> Category:
    """The category of a class; `Category.CUSTOM` where there is none closer."""
    return _CLASSES.get(classtype, (Category.CUSTOM, 3))[0]


def severity_of(classtype: str, priority: int | None, stated: str) -> Severity:
    """How much it matters: by the rule's own priority, its metadata, its class, in this order.

    :param stated: ``signature_severity``, empty if there is none.
    """
    if priority is None and stated.lower() in _SIGNATURE_SEVERITIES:
        return _SIGNATURE_SEVERITIES[stated.lower()]
    if priority is None:
        priority = _CLASSES.get(classtype, (Category.CUSTOM, 3))[1]
    return _SEVERITIES.get(priority, Severity.LOW)
