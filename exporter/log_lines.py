"""The sensor's own log: lines for people, and JSON lines for programs."""

import json
from types import MappingProxyType

import msgspec
from rich.cells import cell_len

from exporter.detection_cells import local_time
from exporter.detections import iso_time
from exporter.printable import printable, printable_json
from sensor.store.log_queries import LogLine

_LEVELS = MappingProxyType({"debug": "デバッグ", "info": "情報", "warning": "警告", "error": "エラー"})
_LEVEL_WIDTH = 8
_EVENT_WIDTH = 24

# What an event says, in Japanese; in English its name does.
_EVENTS = MappingProxyType(
    {
        "run_started": "実行開始",
        "run_ended": "実行終了",
        "run_found_interrupted": "前回は異常終了",
        "capture_started": "監視開始",
        "stopping": "停止中",
        "drain_cut_short": "停止時に読み残し",
        "reloaded": "設定を再読み込み",
        "reload_refused": "再読み込みを拒否",
        "signature_files_changed": "シグネチャファイルの変更",
        "restart_needed": "再起動が必要",
        "signatures_refused": "シグネチャを拒否",
        "interface_up": "リンクアップ",
        "interface_down": "リンクダウン",
        "interface_missing": "インターフェースなし",
        "interface_gone": "インターフェース消失",
        "interface_back": "インターフェース復帰",
        "interface_renamed": "インターフェース改名",
        "interface_dropped": "監視対象から除外",
        "packets_dropped": "パケット破棄",
        "packets_lost_with_worker": "異常終了によるパケット損失",
        "worker_died": "ワーカー異常終了",
        "worker_restarted": "ワーカー再起動",
        "worker_hangs": "ワーカー応答なし",
        "worker_misbehaved": "ワーカー不正動作",
        "worker_not_started": "ワーカー起動失敗",
        "shedding": "過負荷による見送り",
        "store_failing": "データベース書込不可",
        "store_written_again": "データベース書込再開",
        "detections_lost": "検知の損失",
        "detections_not_stored": "検知を保存できず",
        "events_lost": "イベントの損失",
        "eve_failing": "EVE 出力不可",
        "eve_written_again": "EVE 出力再開",
        "ledger_error": "台帳の不一致",
    }
)


def render_line(line: LogLine, language: str = "en") -> str:
    """Time, level and event of ``line``, then its detail as ``key=value``."""
    time, _, offset = local_time(line.ts_ns)
    level, event = printable(line.level), printable(line.event)
    if language == "ja":
        level, event = _LEVELS.get(level, level), _EVENTS.get(event, event)
    facts = [
        f"{printable(str(key))}={_value(value)}" for key, value in line.detail.items() if value is not None
    ]
    cells = [f"{time}{offset}", _pad(level, _LEVEL_WIDTH), _pad(event, _EVENT_WIDTH), *facts]
    return " ".join(cells).rstrip() + "\n"


def render_json(line: LogLine) -> str:
    """One JSON object, on a line, safe to print on a terminal."""
    fields = {
        "id": line.id,
        "timestamp": iso_time(line.ts_ns),
        "run_id": line.run_id,
        "level": line.level,
        "event": line.event,
        "detail": dict(line.detail),
    }
    try:
        return printable_json(msgspec.json.encode(fields)).decode() + "\n"
    except UnicodeEncodeError:  # a lone surrogate: a file's name that is not UTF-8
        return json.dumps(fields) + "\n"


def _value(value: object) -> str:
    """``value`` on one line, quoted where it would not be told from what follows."""
    if isinstance(value, list):
        return ",".join(map(_value, value))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = printable(text)
    return json.dumps(shown, ensure_ascii=False) if not shown or set(' "=') & set(shown) else shown


def _pad(text: str, width: int) -> str:
    return text + " " * max(width - cell_len(text), 0)
