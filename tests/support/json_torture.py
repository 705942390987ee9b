"""JSON texts that parsers get wrong: y_ must be taken, n_ must be refused, i_ are where parsers may differ.

The strictness is RFC 8259's with SPEC.md 5's limits, so that i_ cases have an answer here too.
"""

_Y_NUMBERS = (
    "0 -0 1 -1 9 10 123 1234567890 0.0 0.1 -0.1 1.5 123.456 0.000001 1e0 1E0 1e1 1e+1 1e-1 1E+2 1E-2 0e1 "
    "0e+1 -0e1 0.5e10 -1.5E-3 20e1 123.456e78 4.9406564584124654e-324 0.00000000000000000000001 1e00 1e-00 "
    "-123 1e01"
).split()
_N_NUMBERS = (
    "+1 ++1 -- --1 - -a -.5 .5 . .e1 1. 1.e1 -1. 0. 0.e1 01 -01 00 012 0x1 0xA -0x1 0b1 0o1 1e 1e+ 1e- 1E "
    "1eE2 0e 0e+ 0E- 1.2.3 1..2 1e1.5 1e1e1 1ee1 1e++1 1+1 1-1 1_000 1,000 1.5f 1L 1n 1/2 2.e+3 2.e-3 9.e+ "
    "Infinity -Infinity +Infinity NaN -NaN nan inf -inf Inf 1a 1.a -1a 0a 1e1a 0.3e 0.3e+ 1.0e 1.0e- 1'000 "
    "$1 1% ¹ １ -１ ١ ½ 1·5"
).split()
_Y_WORDS = "null true false".split()
_N_WORDS = (
    "nul nulll Null NULL None nil tru truee True TRUE fals falsee False FALSE undefined undef yes no on "
    "off t f n nan! a ä trüe null1  true0 #null @ ? ! & * ; = < > | ~ ` ^ ( ) "
    "\\n \\ / // /**/ ' '' 'a' `a` u'a'"
).split()
_Y_STRINGS = [
    *(
        '""',
        '"a"',
        '" "',
        '"\\""',
        '"\\\\"',
        '"\\/"',
        '"\\b\\f\\n\\r\\t"',
        '"\\u0041"',
        '"\\u0000"',
        '"\\u001f"',
    ),
    *('"\\uD834\\uDD1E"', '"\\ud834\\udd1e"', '"\\uABCD"', '"\\uabcd"', '"\\uFFFF"', '"é"', '"日本"', '"😀"'),
    *(
        '"\x7f"',
        '"\u0080"',
        '"\u2028"',
        '"\u2029"',
        '"\ufeff"',
        '"\uffff"',
        '"\ue000"',
        '"[{}]"',
        '"//"',
        '"/*"',
    ),
    *(
        '"\\\\u0041"',
        '"\\\\\\""',
        '"\\u0022"',
        '"\\u005c"',
        '"a\\u002fb"',
        '"' + "x" * 5000 + '"',
        '"\u00a0"',
        '"\\\\\\\\"',
    ),
    *('"null"', '"1"', '"\\u00e9"', '"\\u2028"', '"\'"', '"\U0010ffff"', '"\U000e0001"', '"\u0300"'),
]
_N_STRINGS = [
    *(
        '"',
        '"a',
        'a"',
        '"\\"',
        '"\\',
        '"\\u"',
        '"\\u0"',
        '"\\u00"',
        '"\\u004"',
        '"\\u004g"',
        '"\\uXXXX"',
        '"\\U0041"',
    ),
    *(
        '"\\x41"',
        '"\\a"',
        '"\\v"',
        '"\\0"',
        '"\\1"',
        '"\\\'"',
        '"\\ "',
        '"\\é"',
        '"\\\n"',
        '"\\N{DASH}"',
        '"\\e"',
        '"\\u+041"',
    ),
    *(
        '"\\u 041"',
        '"\\u-041"',
        '"\\u0x41"',
        '"\\u٠٠٤١"',
        '"\n"',
        '"\t"',
        '"\r"',
        '"\0"',
        '"\x01"',
        '"\x1f"',
        '"\b"',
        '"a\nb"',
    ),
    *(
        "'a'",
        "\"a'",
        "'a\"",
        '"a""b"',
        '"a" "b"',
        '"a"b',
        'b"a"',
        '""""',
        '"\\u{41}"',
        "“a”",
        "«a»",
        '"a\\',
        '"\\uD834\\u"',
        '"\\ud800\\x"',
    ),
]
_Y_ARRAYS = [
    *(
        "[]",
        "[ ]",
        "[\n]",
        "[1]",
        "[1,2]",
        "[ 1 , 2 ]",
        "[[]]",
        "[[],[]]",
        '["a"]',
        "[null]",
        "[1,null,true,false]",
    ),
    *("[\t1\r\n]", "[{}]", "[{},[]]", "[0]", "[-0]", '[""]', "[[[[[]]]]]", "[" + "1," * 500 + "1]"),
]
_N_ARRAYS = [
    *(
        "[",
        "]",
        "[1",
        "1]",
        "[1,",
        "[1,]",
        "[,]",
        "[,1]",
        "[1,,2]",
        "[1 2]",
        "[1;2]",
        "[1:2]",
        '["a":1]',
        "[1}",
        "[1,2}",
    ),
    *(
        "[[]",
        "[]]",
        "[[1]",
        "[1,\n",
        '["a"',
        '["a",',
        "[a]",
        "[1,a]",
        "[\x0b1]",
        "[\x0c]",
        "[\u00a0]",
        "[\u2003]",
        "[\u2060]",
    ),
    *(
        "[1,\x00]",
        "[1]x",
        "[1]]",
        "[1],",
        "[1][2]",
        "[1] [2]",
        "[1]\x00",
        "[-]",
        "[*]",
        "[...]",
        "[\\n]",
        "[1,//c\n2]",
    ),
    *(
        "[1/*c*/]",
        "[#c\n]",
        "[<null>]",
        "[`a`]",
        "[?]",
        "[\x7f]",
        "[\u200b]",
        "[\ufeff]",
        "[1\u00852]",
        "[(1)]",
        "[1|2]",
    ),
]
_Y_OBJECTS = [
    *(
        "{}",
        "{ }",
        "{\n}",
        '{"a":1}',
        '{ "a" : 1 }',
        '{"a":1,"b":2}',
        '{"":0}',
        '{"a":{}}',
        '{"a":[]}',
        '{"a":null}',
    ),
    *(
        '{"a":1,"a":2}',
        '{"a":{"a":{"a":1}}}',
        '{"\\u0061":1}',
        '{"é":1}',
        '{"a\\u0000b":1}',
        '{"a"\n:\t1\r}',
        '{"\\"":1}',
    ),
    *('{"1":1}', '{"null":null}', '{"a":"b","c":["d",{"e":"f"}]}'),
]
_N_OBJECTS = [
    *(
        "{",
        "}",
        '{"a"',
        '{"a":',
        '{"a":1',
        '{"a":1,',
        '{"a":1,}',
        "{,}",
        '{,"a":1}',
        '{"a":1,,"b":2}',
        '{"a" 1}',
        '{"a",1}',
    ),
    *(
        '{"a"=1}',
        '{"a"=>1}',
        '{"a"::1}',
        '{"a":1:2}',
        '{"a":1 "b":2}',
        '{"a":1;"b":2}',
        "{a:1}",
        "{1:1}",
        "{null:1}",
    ),
    *(
        "{'a':1}",
        '{"a:1}',
        '{a":1}',
        '{"a":}',
        "{:1}",
        '{"a"}',
        '{"a","b"}',
        '{"a":1]',
        "{[]:1}",
        "{{}:1}",
        '{"a":1}}',
    ),
    *(
        '{"a":1}x',
        '{"a":1}{"b":2}',
        '{"a":1},',
        '{"a":1}#',
        '{"a":1}//c',
        '{"a":/**/1}',
        '{/**/"a":1}',
        '{"a":1\x00}',
    ),
    *(
        '{"a":\x0b1}',
        '{"\n":1}',
        '{"\t":1}',
        '{"\\x":1}',
        '{"a":a}',
        '{"a":1,b:2}',
        '{"a":1,"b"}',
        '{"a":1,"b":}',
        "{\u00a0}",
    ),
    *(
        '{"a":truth}',
        '{"a":"}',
        '{"a":"b}',
        '{""}',
        '{"a":(1)}',
        "{*}",
        "{...}",
        '{"a":1,...}',
        '{"a"\u00a0:1}',
        '{"\\u00g0":1}',
    ),
]
_I_DATA = [
    *(
        "1e400",
        "-1e400",
        "1e-400",
        "1e9999999999",
        "-0.0e-0",
        "9" * 400,
        "-" + "9" * 400,
        "0." + "0" * 400 + "1",
        "1." + "0" * 400,
    ),
    *(
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "9007199254740993",
        "1.7976931348623159e308",
    ),
    *(
        '"\\ud800"',
        '"\\udfff"',
        '"\\ud800\\ud800"',
        '"\\udd1e\\ud834"',
        '"\\ud800a"',
        '"\\uD800\\u0041"',
        '"\\udc00\\udc00"',
    ),
    "[" * 31 + "]" * 31,
    '{"a":' * 31 + "1" + "}" * 31,
    "[" * 30 + "{}" + "]" * 30,
]
_I_BAD_JSON = [
    *(
        "[" * 32 + "]" * 32,
        '{"a":' * 32 + "1" + "}" * 32,
        "[" * 31 + "{}" + "]" * 31,
        "[" * 1000 + "]" * 1000,
    ),
    *("[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000, '[{"a":' * 50_000),
]
_I_BAD_UTF8 = [
    *(
        b'"\xff"',
        b'"\xfe"',
        b'"\x80"',
        b'"\xbf"',
        b'"\xc0\x80"',
        b'"\xc0\xaf"',
        b'"\xc1\xbf"',
        b'"\xc3"',
        b'"\xc3("',
    ),
    *(
        b'"\xe0\x80\xaf"',
        b'"\xe2\x28\xa1"',
        b'"\xe2\x82"',
        b'"\xed\xa0\x80"',
        b'"\xed\xbf\xbf"',
        b'"\xed\xa0\xb4\xed\xb4\x9e"',
    ),
    *(
        b'"\xf0\x80\x80\xaf"',
        b'"\xf0\x9f\x98"',
        b'"\xf0\x28\x8c\xbc"',
        b'"\xf4\x90\x80\x80"',
        b'"\xf5\x80\x80\x80"',
        b'"\xf8\x88\x80\x80\x80"',
    ),
    *(
        b'"\xfc\x84\x80\x80\x80\x80"',
        b"\xe9",
        b"1\xa0",
        b"[\xff]",
        b"{\xff}",
        b'{"\xff":1}',
        b"null\xc2",
        b'"\xef\xbb"',
        b"\xf0",
    ),
]


def values():
    """Yield (name, bytes of a JSON value, whether it is one), where the answer is RFC 8259's."""
    groups = {
        "y_number": _Y_NUMBERS,
        "n_number": _N_NUMBERS,
        "y_word": _Y_WORDS,
        "n_word": _N_WORDS,
        "y_string": _Y_STRINGS,
        "n_string": _N_STRINGS,
        "y_array": _Y_ARRAYS,
        "n_array": _N_ARRAYS,
        "y_object": _Y_OBJECTS,
        "n_object": _N_OBJECTS,
    }
    for group, texts in groups.items():
        for number, text in enumerate(texts):
            yield f"{group}_{number}", text.encode(), group[0] == "y"


def cases():
    """Yield (name, frame, the class that it must have): each value inside a message, and odd documents."""
    for name, value, good in values():
        yield name, b'{"event_type":"new_market","id":' + value + b"}", "data" if good else "bad_json"
    for expected, values_of in (("data", _I_DATA), ("bad_json", _I_BAD_JSON), ("bad_utf8", _I_BAD_UTF8)):
        for number, value in enumerate(values_of):
            data = value if isinstance(value, bytes) else value.encode()
            yield f"i_{expected}_{number}", b'{"event_type":"new_market","id":' + data + b"}", expected
    message = b'{"event_type":"new_market"}'
    yield from (
        ("n_empty", b"", "empty"),
        ("n_white_space", b" \t\r\n", "empty"),
        ("y_white_space_around", b"\r\n\t " + message + b" \n", "data"),
        ("n_vertical_tab_before", b"\x0b" + message, "non_json"),
        ("n_form_feed_behind", message + b"\x0c", "bad_json"),
        ("n_no_break_space_behind", message + b"\xc2\xa0", "bad_json"),
        ("n_nul_behind", message + b"\x00", "bad_json"),
        ("n_nul_before", b"\x00" + message, "non_json"),
        ("n_only_nul", b"\x00", "non_json"),
        ("i_byte_order_mark", b"\xef\xbb\xbf" + message, "bad_json"),
        ("i_only_byte_order_mark", b"\xef\xbb\xbf", "bad_json"),
        ("i_byte_order_mark_behind", message + b"\xef\xbb\xbf", "bad_json"),
        ("i_utf16_little", message.decode().encode("utf-16"), "bad_utf8"),
        ("i_utf16_big", message.decode().encode("utf-16-be"), "non_json"),
        ("i_utf16_little_without_mark", message.decode().encode("utf-16-le"), "bad_json"),
        ("i_utf32", message.decode().encode("utf-32"), "bad_utf8"),
        ("n_two_messages", message + message, "bad_json"),
        ("n_two_lines", message + b"\n" + message, "bad_json"),
        ("n_closed_twice", message + b"}", "bad_json"),
        ("n_comma_behind", message + b",", "bad_json"),
        ("n_comment_before", b"/**/" + message, "non_json"),
        ("n_record_separator", b"\x1e" + message, "non_json"),
        ("y_batch", b"[" + message + b"," + message + b"]", "data"),
        ("n_batch_with_comma", b"[" + message + b",]", "bad_json"),
        ("n_batch_open", b"[" + message, "bad_json"),
        ("y_empty_batch", b"[ ]", "empty"),
        ("y_batch_of_nothing_usable", b'[null,1,"a",[],{}]', "bad_schema"),
        ("y_batch_with_one_usable", b"[null," + message + b"]", "data"),
        ("y_scalar_number", b"1", "non_json"),
        ("y_scalar_string", b'"a"', "non_json"),
        ("y_scalar_null", b"null", "non_json"),
        ("y_unknown_type", b'{"event_type":"\\u0061"}', "unknown_type"),
        ("y_type_twice", b'{"event_type":1,"event_type":"new_market"}', "data"),
        ("y_type_twice_last_odd", b'{"event_type":"new_market","event_type":1}', "bad_schema"),
        ("y_key_escaped", b'{"event\\u005ftype":"new_market"}', "data"),
        ("y_value_escaped", b'{"event_type":"new\\u005fmarket"}', "data"),
        ("y_keepalive", b"PONG", "keepalive"),
        ("n_keepalive_quoted", b'"PONG"', "non_json"),
    )
