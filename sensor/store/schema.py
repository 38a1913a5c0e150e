"""The tables, as an ordered list of migrations.

``MIGRATIONS[n]`` takes a database from version ``n`` to ``n + 1``; ``PRAGMA user_version`` holds the
version. A migration that was ever released is never edited: append another.

The tables are STRICT (https://www.sqlite.org/stricttables.html): a value of the wrong type is refused
when it is written, not found out when it is read. ``AUTOINCREMENT``, so that "detection 17" names the
same detection for ever, even after old ones are deleted. Times are nanoseconds since 1970 (UTC), which
fit 63 bits until the year 2262.
"""

APPLICATION_ID = 0x5744534E
"""``WDSN`` in ``PRAGMA application_id``: tells our files from every other SQLite database."""

_RUN = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL,              -- replay, or run for a live one
    source TEXT NOT NULL,               -- for people: a capture's or interface's name, "+ n" for more
    started_ns INTEGER NOT NULL,
    finished_ns INTEGER,                -- NULL while it runs, or if nobody saw it end
    status TEXT NOT NULL,               -- running, completed, interrupted, failed
    process TEXT NOT NULL,              -- who runs it: tells a run that goes on from one that was killed
    version TEXT NOT NULL,              -- of the sensor
    signatures_digest TEXT NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    decoded INTEGER NOT NULL DEFAULT 0,
    rejected TEXT NOT NULL DEFAULT '{}',    -- JSON: packets by reason
    detections INTEGER NOT NULL DEFAULT 0,  -- kept in the same transaction as the detections
    error TEXT
) STRICT
"""

_SOURCE = """
CREATE TABLE source (
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,          -- order in the run, from 0
    name TEXT NOT NULL,
    size INTEGER,                       -- octets; NULL for standard input
    digest TEXT,                        -- NULL where it cannot be known before reading
    previous_run_id INTEGER REFERENCES run (id) ON DELETE SET NULL,  -- last run that read the same
    PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID
"""

_DETECTION = """
CREATE TABLE detection (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    ts_ns INTEGER NOT NULL,
    sid INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    name_ja TEXT,
    name_en TEXT,
    category TEXT NOT NULL,
    severity TEXT NOT NULL,
    buffer TEXT NOT NULL,
    flow_id INTEGER NOT NULL,
    tx_id INTEGER,
    src_ip TEXT NOT NULL,
    src_port INTEGER NOT NULL,
    dst_ip TEXT NOT NULL,
    dst_port INTEGER NOT NULL,
    src_key BLOB,                       -- the address in network order, 4 or 16 octets: for ranges
    dst_key BLOB,
    proto TEXT NOT NULL,
    app_proto TEXT NOT NULL,
    packet_number INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    length INTEGER NOT NULL,
    excerpt BLOB NOT NULL,
    excerpt_offset INTEGER NOT NULL,
    http_method ANY NOT NULL,           -- TEXT, or BLOB where the octets are not UTF-8
    http_host ANY NOT NULL,
    http_url ANY NOT NULL
) STRICT
"""

_LOG = """
CREATE TABLE log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ts_ns INTEGER NOT NULL,
    run_id INTEGER REFERENCES run (id) ON DELETE SET NULL,
    level TEXT NOT NULL,                -- debug, info, warning, error
    event TEXT NOT NULL,
    detail TEXT NOT NULL                -- JSON object
) STRICT
"""

_LEDGER = """
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY,             -- in the order of what happened, whatever the clock did
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    interface TEXT NOT NULL,
    started_ns INTEGER NOT NULL,        -- wall clock; a minute at most until ended_ns
    ended_ns INTEGER NOT NULL,
    received INTEGER NOT NULL,
    dropped TEXT NOT NULL,              -- JSON: packets by reason, as rejected and shed
    delivered INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    decoded INTEGER NOT NULL,
    rejected TEXT NOT NULL,
    shed TEXT NOT NULL,
    waiting INTEGER NOT NULL,           -- in the ring when the stretch ended
    error INTEGER NOT NULL,             -- packets by which an identity does not hold: 0
    shed_bodies INTEGER NOT NULL,
    shed_payload_octets INTEGER NOT NULL,
    bypassed_octets INTEGER NOT NULL,
    UNIQUE (run_id, interface, started_ns)  -- the open stretch is written again until it ends
) STRICT
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        _RUN,
        _SOURCE,
        _DETECTION,
        _LOG,
        "CREATE INDEX source_digest ON source (digest, run_id)",
        "CREATE INDEX source_previous ON source (previous_run_id)",
        "CREATE INDEX detection_run ON detection (run_id)",
        # Lists are ordered by time, so each filter's index goes on with the time.
        "CREATE INDEX detection_time ON detection (ts_ns)",
        "CREATE INDEX detection_sid ON detection (sid, ts_ns)",
        "CREATE INDEX detection_category ON detection (category, ts_ns)",
        "CREATE INDEX detection_src ON detection (src_key, ts_ns)",
        "CREATE INDEX detection_dst ON detection (dst_key, ts_ns)",
        "CREATE INDEX log_run ON log (run_id)",
    ),
    # Of which capture packet_number counts the packets, where a run read several; else NULL.
    ("ALTER TABLE detection ADD COLUMN capture TEXT",),
    # What became of every packet of a live run, minute by minute.
    (_LEDGER, "CREATE INDEX ledger_time ON ledger (started_ns)"),
    # How a keyword stood in the octets, and as a person reads it; NULL where something else matched. The
    # keyword is not kept: the signature has it, and what a subscriber withdraws is gone with it.
    (
        "ALTER TABLE detection ADD COLUMN form TEXT",
        "ALTER TABLE detection ADD COLUMN folds TEXT",  # names, a space between them
        "ALTER TABLE detection ADD COLUMN text TEXT",
        "ALTER TABLE detection ADD COLUMN text_start INTEGER",  # in characters
        "ALTER TABLE detection ADD COLUMN text_end INTEGER",
    ),
)
