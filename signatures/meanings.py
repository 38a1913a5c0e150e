"""What the keys of a signature file mean, in both languages: for editors and for the README's tables."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """One key's."""

    en: str
    ja: str


MEANINGS: Final[Mapping[str, Mapping[str, Meaning]]] = MappingProxyType(
    {
        "set": {
            "name": Meaning("What the file is called", "ファイルの名前"),
            "version": Meaning("Its version", "版"),
            "license": Meaning("Its licence, as SPDX names it", "ライセンス（SPDX の名前）"),
            "scope": Meaning(
                'Whose it is: "operator" (default) or "subscriber"',
                'だれのものか。"operator"（事業者、既定）か "subscriber"（利用者）',
            ),
            "last_sid": Meaning(
                "Kept by watchdog-sensor keywords: the last sid it gave",
                "watchdog-sensor keywords が使う。最後に割り当てた sid",
            ),
        },
        "signature": {
            "sid": Meaning(
                "Number of the signature, once in all files. 1000000 to 1999999 are those of shipped "
                "signatures, 9000000 to 9999999 the subscriber's",
                "シグネチャの番号。全ファイルで一つだけ。1000000〜1999999 は同梱、9000000〜9999999 は利用者",
            ),
            "rev": Meaning(
                "Revision: raise it with every change of meaning", "改訂番号。意味を変えたら増やす"
            ),
            "name": Meaning(
                "Name in one text, or by language: { ja = …, en = … }",
                "名前。一つの文字列か、言語ごとの表 { ja = …, en = … }",
            ),
            "description": Meaning(
                "What a detection means, in one text or by language",
                "検知の意味。一つの文字列か、言語ごとの表",
            ),
            "category": Meaning("What it is about", "分類"),
            "severity": Meaning("How much a detection matters", "検知の重大度"),
            "direction": Meaning(
                'Which way the matching octets go: "any" (default), "to_server", "to_client"',
                '一致したオクテットの向き。"any"（既定）、"to_server"、"to_client"',
            ),
            "src_ports": Meaning('Ports of the sender: 80, or [80, "8000-8100"]', "送信側のポート"),
            "dst_ports": Meaning("Ports of the receiver", "受信側のポート"),
            "src_networks": Meaning(
                'Networks of the sender: "192.0.2.0/24"; ! before one excludes it',
                "送信側のネットワーク。! を前に置くと除外",
            ),
            "dst_networks": Meaning("Networks of the receiver", "受信側のネットワーク"),
            "protocols": Meaning('"tcp", "udp"; default: any', '"tcp"、"udp"。既定は両方'),
            "ordered": Meaning(
                "Whether the clauses that must all match do so one after the other, as they are listed",
                "すべて一致すべき条項が、書いた順に続けて一致しなければならないか",
            ),
            "scope": Meaning(
                "What the clauses must match together in: a transaction (one of HTTP, a ClientHello, a "
                "question of DNS) or a flow. Default: flow if payload is among the buffers, else transaction",
                "条項がそろって一致すべき範囲。transaction（HTTP のやりとり、ClientHello、DNS の質問の"
                "それぞれ）"
                "か flow（通信）。既定は、検査箇所に payload があれば flow、なければ transaction",
            ),
            "all": Meaning("Further clauses that must match too", "ほかに一致しなければならない条項"),
            "any": Meaning("Clauses of which one must match", "どれか一つが一致しなければならない条項"),
            "none": Meaning("Clauses that must not match", "一致してはならない条項"),
            "schedule": Meaning("When it counts", "有効な曜日と時間"),
            "threshold": Meaning(
                "How many alerts go through, as in Suricata", "通知の数の制限（Suricata と同じ）"
            ),
            "suppress": Meaning("Addresses for which it is silent", "通知しないアドレス"),
            "sets": Meaning("Flags that it sets on its flow when it fires", "発火したとき通信に立てる印"),
            "needs": Meaning("Flags that must be set on the flow", "通信に立っていなければならない印"),
            "needs_not": Meaning("Flags that must not be set", "通信に立っていてはならない印"),
            "silent": Meaning("Sets its flags without an alert", "印を立てるだけで通知しない"),
            "tests": Meaning("Samples for watchdog-sensor signatures test", "signatures test で試す見本"),
            "subscriber_may_disable": Meaning(
                "Whether a subscriber's file may switch it off", "利用者のファイルで無効にしてよいか"
            ),
            "references": Meaning("Where more is written about it", "参考になる文書"),
        },
        "clause": {
            "buffers": Meaning(
                "Where to look; any of them. In further clauses default: the signature's",
                "検査箇所。どれか一つでよい。ほかの条項での既定はシグネチャと同じ",
            ),
            "keywords": Meaning(
                "Words; any of them, in every encoding and escape that a line may carry them in",
                "言葉。どれか一つでよい。通信で使われるあらゆる文字コードと符号化で探す",
            ),
            "contents": Meaning(
                'Octets as they are; any of them. |16 03| is hexadecimal; | \\ " ; are |7C| |5C| |22| |3B|',
                'オクテットそのまま。|16 03| は 16 進。| \\ " ; は |7C| |5C| |22| |3B| と書く',
            ),
            "regexes": Meaning(
                "Regular expressions that Hyperscan takes", "正規表現（Hyperscan が扱えるもの）"
            ),
            "domains": Meaning(
                "Host names, each with all below it; in http.host, tls.sni and dns.query alone",
                "ホスト名。その下のすべての名前を含む。http.host、tls.sni、dns.query だけで使える",
            ),
            "fold": Meaning(
                'Writings that count as the same word in keywords; default ["width", "case"], [] for none',
                '同じ言葉とみなす書き方（keywords）。既定は ["width", "case"]、[] は書いたとおり',
            ),
            "case_sensitive": Meaning(
                'Tells upper from lower case, without the fold "case"; default false, in further clauses the '
                "first's, as for `fold`",
                '大文字と小文字を区別する（fold の "case" もなくなる）。既定は false、'
                "ほかの条項では最初の条項と同じ（`fold` も）",
            ),
            "offset": Meaning(
                "A match starts so many octets from the start, or later", "先頭からこの数以降で始まる"
            ),
            "depth": Meaning("A match ends within so many octets of the start", "先頭からこの数以内で終わる"),
            "at_start": Meaning("A match is at the very start", "ちょうど先頭にある"),
            "at_end": Meaning(
                "A match is at the very end; not in payload", "ちょうど末尾にある。payload では不可"
            ),
            "distance": Meaning(
                "Octets at least between the match of the clause before and this one's start; only in all",
                "前の条項の一致の終わりから、始まりまでの最小のオクテット数。all だけ",
            ),
            "within": Meaning(
                "Octets from the end of the clause before in which this match ends; only in all",
                "前の条項の一致の終わりから、終わりまでの最大のオクテット数。all だけ",
            ),
        },
        "schedule": {
            "weekdays": Meaning('"mon" to "sun"; default: every day', '"mon"〜"sun"。既定は毎日'),
            "hours": Meaning(
                '"22:00-05:00": may go past midnight, and is of the day on which it begins',
                '"22:00-05:00"。日をまたいでよく、始まった曜日に属する',
            ),
            "utc_offset": Meaning('Of the clock that is meant; default "+09:00"', '時差。既定は "+09:00"'),
        },
        "threshold": {
            "type": Meaning(
                '"limit": the first count in each stretch of seconds; "threshold": every count-th; '
                '"both": one, when count have come',
                '"limit": seconds ごとに最初の count 件。"threshold": count 件ごとに 1 件。'
                '"both": count 件に達したら 1 件',
            ),
            "track": Meaning("What is counted by", "何ごとに数えるか"),
            "count": Meaning("Alerts", "件数"),
            "seconds": Meaning("Seconds, a week at most", "秒数。最大 1 週間"),
        },
        "suppress": {
            "track": Meaning(
                '"by_src", "by_dst", or "by_both" for either', '"by_src"、"by_dst"、どちらでもなら "by_both"'
            ),
            "networks": Meaning("Networks, as of src_networks, without !", "ネットワーク。! は使えない"),
        },
        "tests": {
            "match": Meaning("Samples that must match", "一致しなければならない見本"),
            "no_match": Meaning("Samples that must not", "一致してはならない見本"),
        },
        "sample": {
            "text": Meaning("Text, in encoding", "文字列（encoding で符号化）"),
            "hex": Meaning('Octets, instead of text: "16 03 01"', 'text の代わりにオクテット。"16 03 01"'),
            "encoding": Meaning("Charset of text; default utf-8", "text の文字コード。既定は utf-8"),
            "buffer": Meaning(
                "What the sample is of; default: the first that the signature looks into",
                "どの検査箇所の見本か。既定はシグネチャの最初の検査箇所",
            ),
        },
        "override": {
            "sid": Meaning("The signature to change", "変更するシグネチャ"),
            "enabled": Meaning("false switches it off", "false で無効にする"),
        },
    }
)
