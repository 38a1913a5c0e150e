"""Words of the status view, in Japanese and English."""

from types import MappingProxyType

STATES = MappingProxyType(
    {
        "up": "稼働",
        "down": "リンクダウン",
        "missing": "なし",
        "starting": "起動中",
        "running": "動作中",
        "backing_off": "再起動待ち",
        "stopped": "停止",
    }
)
"""States in Japanese; in English they are themselves."""

SHED_LEVELS = MappingProxyType(
    {
        "en": ("nothing", "bodies", "encrypted", "1/4 of flows", "1/2 of flows", "7/8 of flows"),
        "ja": ("なし", "本文", "暗号化通信", "フロー 1/4", "フロー 1/2", "フロー 7/8"),
    }
)
"""What is left out, by ``telemetry.ShedLevel``; each level leaves out what those before it do, too."""

HEADERS = MappingProxyType(
    {
        "en": {
            "interfaces": (
                *("Interface", "State", "Packets/s", "Bits/s", "Received", "Dropped", "Left out"),
                "Undecoded",
            ),
            "workers": (
                *("Worker", "State", "Process", "Ring", "Leaves out", "Flows", "Memory"),
                "Died",
            ),
        },
        "ja": {
            "interfaces": (
                *("インターフェース", "状態", "パケット/秒", "ビット/秒", "受信", "破棄", "見送り"),
                "解読不能",
            ),
            "workers": (
                *("ワーカー", "状態", "プロセス", "リング", "省略中", "フロー", "メモリ"),
                "異常終了",
            ),
        },
    }
)

WORDS = MappingProxyType(
    {
        "en": {
            "head": "watchdog-sensor {version}, process {pid}",
            "since": "since {since}, for {time}",
            "config": "configuration: {path}",
            "no_interfaces": "No interface is configured.",
            "confined": "Rights",
            "taken": "workers held by {names}",
            "unconfined": "workers that nothing holds: {workers}",
            "detections": "Detections",
            "stored": "{n:,} stored since the start",
            "latency": "from packet to disk {mean} on average, 99% {bound}",
            "at_most": "within {time}",
            "more_than": "not within {time}",
            "store": "Store",
            "size": "{path}: {octets}; {free} free",
            "oldest": "oldest detection of {time}",
            "failing": "cannot be written: {reason}",
            "waiting": "{n:,} detections wait in memory",
            "lost": "{n:,} detections were lost",
            "signatures": "Signatures",
            "loaded": "{n:,} in use since {time}",
            "reload_failed": "the last reload was refused: watchdog-sensor log",
            "reload_mistakes": "the last reload was refused ({n:,} mistakes): watchdog-sensor log",
            "ledger": "Ledger",
            "whole": "adds up",
            "error": "does not add up by {n:,} packets: a fault of the sensor, please report it",
        },
        "ja": {
            "head": "watchdog-sensor {version}、プロセス {pid}",
            "since": "{since} に開始（{time}）",
            "config": "設定ファイル: {path}",
            "no_interfaces": "インターフェースが設定されていません。",
            "confined": "権限",
            "taken": "ワーカーの制限: {names}",
            "unconfined": "制限のないワーカー: {workers}",
            "detections": "検知",
            "stored": "開始から {n:,} 件を保存",
            "latency": "パケットから保存まで平均 {mean}、99% が {bound}",
            "at_most": "{time} 以内",
            "more_than": "{time} より長い",
            "store": "保存先",
            "size": "{path}: {octets}、空き {free}",
            "oldest": "最も古い検知 {time}",
            "failing": "書き込めません: {reason}",
            "waiting": "{n:,} 件の検知がメモリで待機中",
            "lost": "{n:,} 件の検知を失いました",
            "signatures": "シグネチャ",
            "loaded": "{n:,} 件を {time} から使用中",
            "reload_failed": "前回の再読み込みは拒否: watchdog-sensor log",
            "reload_mistakes": "前回の再読み込みは拒否（誤り {n:,} 件）: watchdog-sensor log",
            "ledger": "台帳",
            "whole": "一致",
            "error": "{n:,} パケット合いません（センサーの不具合です。ご報告ください）",
        },
    }
)
