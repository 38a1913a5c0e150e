"""Why something did not come in, in Japanese: the importer's own reasons, each in its one form."""

import re
from functools import cache
from types import MappingProxyType

_JA = MappingProxyType(
    {
        # Addresses and ports
        "{} is no port or first:last": "{} はポート番号でも「最初:最後」でもありません",
        "{} excludes every address": "{} はすべてのアドレスを除外します",
        "{} is empty": "{} は空です",
        "{} leaves no port": "{} ではポートが一つも残りません",
        "{}: too deep, or a variable that stands for itself": "{}: 深すぎるか、変数が自分自身を指しています",
        "{} can't be read": "{} は読み取れません",
        "{}: an exception to an exception": "{}: 除外の中に除外があります",
        "${} is not defined: --define {}=…": "${} は定義されていません: --define {}=…",
        "{} is no network in CIDR notation": "{} は CIDR 表記のネットワークではありません",
        "{} is not networks and ports": "{} はネットワークとポートの組ではありません",
        # Form
        "longer than {} characters": "{} 文字を超えています",
        "is longer than {} characters": "{} 文字を超えています",
        "not a rule: action, protocol, addresses and ports, (options)": (
            "ルールの形（アクション、プロトコル、アドレスとポート、(オプション)）ではありません"
        ),
        "the parenthesis around the options is not closed": "オプションを囲む括弧が閉じていません",
        "an option is not ended by a semicolon: {}": "オプションがセミコロンで終わっていません: {}",
        "has no counterpart in a signature": "シグネチャに相当するものがありません",
        "a signature can only alert": "シグネチャにできるのは alert だけです",
        "is not looked into": "このプロトコルの中は検査しません",
        "is not known": "不明な向きです",
        "is unknown": "不明な指定です",
        "with two different ends: make two rules of it": "両端が異なります。二つのルールに分けてください",
        "there is none": "ありません",
        "is used on line {} already": "{} 行目ですでに使われています",
        "{} is no number": "{} は数ではありません",
        "{} is no number from {} on": "{} は {} 以上の数ではありません",
        "is given twice": "二度指定されています",
        "takes no value": "値は指定できません",
        # Contents and expressions
        "is not in quotation marks": "引用符で囲まれていません",
        "is empty": "空です",
        "a | is not closed": "| が閉じていません",
        "ends in a backslash": "逆斜線で終わっています",
        "\\{} is no escape": "\\{} というエスケープはありません",
        "a quotation mark is not escaped": "引用符がエスケープされていません",
        "|{}| is not pairs of hexadecimal digits": "|{}| は 2 桁ずつの 16 進数ではありません",
        "has not the form /…/ with letters behind it": "/…/ の後に文字が続く形ではありません",
        "looks into what is no buffer of the sensor": "センサーのバッファにないものを調べます",
        "captures a value for other options": "ほかのオプションのために値を取り出します",
        "behind an expression": "正規表現の後にあります",
        "before an expression": "正規表現の前にあります",
        "there is no content before it": "前に content がありません",
        "nothing is looked for": "何も探しません",
        "and nothing else: only what must not be there": "あってはならないものの指定しかありません",
        "{}: no part of a buffer can be chosen": "{}: バッファの一部だけを選ぶことはできません",
        "changes a buffer in which nothing is looked for": "何も探さないバッファを変えます",
        "{}: only the size of the content before it can be asked for": (
            "{}: 指定できるのは、前の content の大きさだけです"
        ),
        "{}: nothing tells how many octets follow": "{}: 後に続くオクテット数は分かりません",
        "with other than one content that ends a name": "名前の末尾となる一つの content 以外とは使えません",
        "before a content that has no dot first": "点で始まらない content の前にあります",
        # Places
        "in payload of TCP is counted in each packet, not in the stream": (
            "TCP の payload では、ストリームではなくパケットごとに数えます"
        ),
        "in payload of TCP is at each packet's start": "TCP の payload では、各パケットの先頭を指します",
        "^ in payload of TCP stands for each packet's start": (
            "TCP の payload の ^ は、各パケットの先頭を指します"
        ),
        "$ in payload of TCP stands for a packet's end": "TCP の payload の $ は、パケットの末尾を指します",
        "in payload of TCP: of a packet, which a stream does not have": (
            "TCP の payload では、ストリームにはないパケットの末尾を指します"
        ),
        "in payload: of a packet, which a stream does not have": (
            "payload では、ストリームにはないパケットに対する指定です"
        ),
        "together with offset or depth": "offset や depth と同時に指定されています",
        "together with another place": "ほかの位置と同時に指定されています",
        "leaves no room for the content": "content の入る余地がありません",
        "not placed by the one before": "前の一致からの位置が指定されていません",
        "placed by the match before it": "前の一致からの位置が指定されています",
        "is negative: the matches may overlap": "負の値です。一致が重なることがあります",
        "something must follow what ends the buffer": "バッファの末尾となるものの後に、さらに続きます",
        "looks back over the match before": "前の一致より前を調べます",
        "^ stands for the end of the match before": "^ が前の一致の末尾を指します",
        "$ would stand for another end": "$ が別の末尾を指すことになります",
        "several, and no flow:to_server or to_client says who sends them": (
            "複数ありますが、flow:to_server や to_client による送信側の指定がありません"
        ),
        "several in one datagram that are not placed by each other": (
            "一つのデータグラムに複数あり、互いの位置が指定されていません"
        ),
        "several in one datagram that may overlap": "一つのデータグラムに複数あり、重なることがあります",
        # Buffers
        "beside a field": "ほかの項目と同時に指定されています",
        "beside a field of the request": "リクエストの項目と同時に指定されています",
        "beside another buffer": "ほかのバッファと同時に指定されています",
        "holds files of other protocols than HTTP too": "HTTP 以外のプロトコルのファイルも含みます",
        "its end may be another, with a target in absolute form": (
            "リクエスト対象が絶対形式のとき、末尾が異なることがあります"
        ),
        "might be found in the port": "ポート番号の中で見つかることがあります",
        "might match in the port, which Suricata's buffer is without": (
            "Suricata のバッファにはないポート番号と一致することがあります"
        ),
        "its end would be the port's": "末尾がポート番号の末尾になります",
        "a capital letter never matches a name in lower case": "大文字は、小文字の名前とは一致しません",
        "a name there does not end in a dot": "ここでの名前は点で終わりません",
        "of {}: which protocol it is can't be asked": "{} の payload: どのプロトコルかは条件にできません",
        "{}: which protocol it is can't be asked": "{}: どのプロトコルかは条件にできません",
        # Conditions
        "{}: a signature has only a sid": "{}: シグネチャの番号は sid だけです",
        "two directions": "向きが二つ指定されています",
        "there is no such condition": "そのような条件はありません",
        "of UDP, where it means that the other side has answered": (
            "UDP では、相手が応答したことを意味します"
        ),
        "flags can be set and asked for only": "フラグにできるのは、立てることと調べることだけです",
        "takes one name; groups of flags can't be said": "名前は一つだけです。フラグの組は指定できません",
        "one of several flags: signatures need all of theirs": (
            "いくつかのフラグのどれか: シグネチャではすべてが必要です"
        ),
        "{}: no rule that came in sets it": "{}: 取り込めたルールの中に、これを立てるものがありません",
        "{}: a rule that sets it was refused": "{}: これを立てるルールを取り込めませんでした",
        "takes type, track, count and seconds, once": (
            "type、track、count、seconds を一度ずつ指定する必要があります"
        ),
        "type {}, track {}: there is no such": "type {}、track {}: そのようなものはありません",
        "count and seconds are numbers from 1 on": "count と seconds は 1 以上の数です",
        "counts packets; a signature of payload counts once in a stream": (
            "パケットを数えます。payload のシグネチャはストリームに一度だけ数えます"
        ),
        # Words and indicators
        "stands on line {} already": "{} 行目にすでにあります",
        "holds more than {}": "{} 件を超えています",
        "is there already": "すでにあります",
        "was valid until {}": "{} まで有効でした",
        "is valid from {} on": "{} から有効になります",
        "is no time as 2026-01-31T09:00:00Z": "2026-01-31T09:00:00Z のような時刻ではありません",
        "is no pattern of STIX": "STIX のパターンではありません",
        "is nothing that is looked for": "検知の対象ではありません",
        "of a {}": "{} には使えません",
        "only the target of http can be seen": "見えるのは http の URL だけです",
        "has no host, or a user": "ホスト名がないか、ユーザー名を含みます",
        "can't be read: {}": "読み取れません: {}",
        "has a host that is no name in ASCII": "ホスト名が ASCII ではありません",
        "is written otherwise when it is normalised": "正規化すると書き方が変わります",
        "comparisons can be joined by OR only": "比較は OR でしか結べません",
        "can't be read at {}": "{} から先を読み取れません",
        "can't be read behind its last OR, or where it begins": "最後の OR の後か、先頭を読み取れません",
        "is no comparison that a signature makes": "シグネチャにない比較です",
        "holds no comparison": "比較がありません",
        # A signature file's own, those that importing meets most
        "sids from {} to {} are those of shipped signatures: take one from {} on": (
            "{} から {} までの sid は付属のシグネチャのものです。{} 以上にしてください"
        ),
        "regex {} can't be used: {}": "正規表現 {} は使えません: {}",
    }
)
"""What comes in place of ``{}`` is shown as it is. Of two that fit, the longer one counts."""


def reason_in(language: str, reason: str) -> str:
    """``reason``, in Japanese if that is wanted and it is known; as it is otherwise."""
    for form, japanese in _forms() if language == "ja" else ():
        if match := form.fullmatch(reason):
            return japanese.format(*match.groups())
    return reason


@cache
def _forms() -> tuple[tuple[re.Pattern[str], str], ...]:
    ordered = sorted(_JA.items(), key=lambda item: (item[0].count("{}") > 0, -len(item[0])))
    return tuple(
        (re.compile(re.escape(english).replace(r"\{\}", "(.*)"), re.DOTALL), japanese)
        for english, japanese in ordered
    )
