"""Every key of the configuration file: its default, who reads it, and what it means to people."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sensor.configuration import values
from sensor.configuration.model import LEAST_WORKER_MEMORY, PARENT_MEMORY
from sensor.configuration.values import Reader, size_text


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one table."""

    name: str
    default: object
    """As a file would say it."""
    read: Reader
    en: str
    ja: str
    option: str = ""
    """The command line's option of the same meaning, empty where there is none."""
    is_size: bool = False


_PARENT: Final = size_text(PARENT_MEMORY)
_MIB: Final = 1 << 20
_TABLES: Final = {
    "capture": (
        Key(
            "interfaces",
            (),
            values.entries(values.interface, values.MAX_INTERFACES),
            'Interfaces to watch, as ["eth0"]. -i on the command line replaces them.',
            '監視するインターフェース。例: ["eth0"]。コマンドラインの -i が優先されます。',
            option="-i",
        ),
        Key(
            "backend",
            "auto",
            values.choice("auto", "af_packet", "libpcap"),
            "How packets are read: auto (af_packet on Linux, else libpcap), af_packet, libpcap.",
            "パケットの読み取り方法: auto（Linux では af_packet、ほかは libpcap）、af_packet、libpcap。",
            option="--backend",
        ),
        Key(
            "workers",
            1,
            values.integer(1, 64),
            "Worker processes for each interface; no more than there are processors.",
            "インターフェースごとのワーカープロセス数。CPU の数まで。",
            option="--workers",
        ),
        Key(
            "bpf",
            "",
            values.text,
            "Read only packets that match this filter (tcpdump's syntax). Empty: all packets.",
            "このフィルター（tcpdump の書式）に合うパケットだけを読みます。空ならすべて。",
            option="--bpf",
        ),
        Key(
            "promiscuous",
            True,  # a value, not a flag
            values.boolean,
            "Also read packets that are addressed to other machines.",
            "ほかの機器あてのパケットも読みます。",
            option="--no-promiscuous",
        ),
        Key(
            "ring",
            "64MiB",
            values.size(4 * _MIB, 2048 * _MIB),
            "Packets that the kernel holds for each worker while it is busy. Not part of [limits] memory.",
            "ワーカーが追いつくまでカーネルが保持する量（ワーカーごと）。[limits] memory には含みません。",
            option="--ring",
            is_size=True,
        ),
        Key(
            "user",
            "nobody",
            values.user,
            "The user that workers become when the service was started as root.",
            "root で起動したとき、ワーカーの実行ユーザー。",
            option="--user",
        ),
    ),
    "signatures": (
        Key(
            "builtin",
            True,
            values.boolean,
            "Whether to use the shipped signatures.",
            "付属のシグネチャを使うかどうか。",
            option="--no-builtin",
        ),
        Key(
            "paths",
            (),
            values.entries(values.path, 1024),
            "Signature files of your own, or directories of them; relative to this file.",
            "独自のシグネチャファイルまたはディレクトリ。相対パスはこのファイルの場所から。",
            option="--signatures",
        ),
        Key(
            "subscriber",
            True,  # a value, not a flag
            values.subscriber,
            "The subscriber's own words (watchdog-sensor keywords): true for the file in the usual place, the"
            " path of another file, or false for none.",
            "利用者が登録した言葉（watchdog-sensor keywords）。true なら標準の場所のファイル、または別の"
            "ファイルのパス。false なら使いません。",
        ),
        Key(
            "watch",
            False,  # a value, not a flag
            values.boolean,
            "Take signature files into use by themselves when they change, a few seconds after the last"
            " change. Otherwise: watchdog-sensor reload.",
            "シグネチャファイルが変わると、数秒後に自動で読み込みます。false の場合は watchdog-sensor reload"
            " で読み込みます。",
        ),
        Key(
            "bypass_encrypted",
            False,  # a value, not a flag
            values.boolean,
            "Do not look for keywords in what TLS has encrypted. Saves work; but who wants to hide a keyword"
            " from the sensor can make text look like TLS.",
            "TLS で暗号化された部分ではキーワードを探しません。負荷は減りますが、平文を TLS に見せかけて"
            "検知を逃れることが可能になります。",
        ),
    ),
    "store": (
        Key(
            "path",
            "",
            values.database,
            "Database of detections. Empty: detections.db in the service's state directory.",
            "検知データベース。空ならサービスの状態ディレクトリの detections.db。",
            option="--db",
        ),
    ),
    "eve": (
        Key(
            "path",
            "",
            values.path,
            "File that events are also written to, as EVE JSON lines. Empty: none.",
            "イベントを EVE JSON 形式でも書き出すファイル。空なら書き出しません。",
            option="--eve",
        ),
    ),
    "metrics": (
        Key(
            "listen",
            ("127.0.0.1:9477",),
            values.entries(values.address, 16),
            "Where Prometheus fetches metrics, HOST:PORT each; [] turns them off. Fetched from elsewhere,"
            " they need IPAddressAllow= in the systemd unit, too.",
            "Prometheus がメトリクスを取得するアドレス（HOST:PORT）。[] で無効。ほかの機器から取得する場合は"
            " systemd のユニットの IPAddressAllow= も必要です。",
            option="--metrics",
        ),
        Key(
            "web_config",
            "",
            values.path,
            "TLS and passwords for metrics: a web configuration file as Prometheus's exporters take.",
            "メトリクスの TLS とパスワード。Prometheus のエクスポーターと同じ web 設定ファイル。",
        ),
        Key(
            "bearer_token_file",
            "",
            values.path,
            "File with a token; who fetches metrics must show it (Authorization: Bearer).",
            "トークンのファイル。メトリクスの取得に Authorization: Bearer が必要になります。",
        ),
    ),
    "control": (
        Key(
            "socket",
            "",
            values.socket,
            "Socket that watchdog-sensor status asks. Empty: control.sock in the runtime directory.",
            "watchdog-sensor status が接続するソケット。空なら実行時ディレクトリの control.sock。",
            option="--socket",
        ),
    ),
    "limits": (
        Key(
            "memory",
            "512MiB",
            values.size(PARENT_MEMORY + LEAST_WORKER_MEMORY, 1024 * 1024 * _MIB),
            f"Memory of all processes: {_PARENT} for the parent, the rest shared by the workers evenly.",
            f"全プロセスのメモリ上限。親プロセスに {_PARENT}、残りをワーカーで等分します。",
            option="--memory",
            is_size=True,
        ),
    ),
    "log": (
        Key(
            "level",
            "info",
            values.choice("debug", "info", "warning", "error"),
            "Least serious message that is logged: debug, info, warning, error.",
            "記録するメッセージの下限: debug、info、warning、error。",
        ),
        Key(
            "format",
            "auto",
            values.choice("auto", "text", "json"),
            "Form of messages: auto (text, for the journal under systemd), text, json.",
            "メッセージの形式: auto（テキスト。systemd の下では journal 用）、text、json。",
        ),
    ),
}
TABLES: Final = MappingProxyType(
    {table: MappingProxyType({key.name: key for key in keys}) for table, keys in _TABLES.items()}
)
"""Keys by table and name, in the order in which they are shown."""
