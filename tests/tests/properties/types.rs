//! Types of payloads: what is written, what conforms, what fits in what.

use scipp_conformance::fuzzing;

use crate::holds;

#[test]
fn any_type_and_any_value_are_judged_by_the_rules() {
    holds(3000, 200, |choices| {
        let mut choices = choices.into_iter();
        let mut input = [text_of(&mut choices), text_of(&mut choices)].join("\0").into_bytes();
        input.push(0);
        value_of(&mut choices, 4, &mut input);
        fuzzing::specs(&input);
        true
    });
    holds(3000, 200, |input| {
        fuzzing::specs(&input);
        true
    });
}

/// The text of a type that may make sense.
fn text_of(choices: &mut impl Iterator<Item = u8>) -> String {
    let mut text = part_of(choices, 3);
    let mut before = " where ";
    for name in ["A", "B"].into_iter().filter(|name| text.contains(name)).collect::<Vec<_>>() {
        let definition = match choices.next().unwrap_or_default() % 4 {
            0 => part_of(choices, 2),
            1 => format!("struct(a: {}, b?: {})", part_of(choices, 2), part_of(choices, 2)),
            2 => format!("struct(b='{name}', a?: {})", part_of(choices, 2)),
            _ => format!("struct(b='{name}', a: {}, c: int = 1)!", part_of(choices, 2)),
        };
        text += &format!("{before}{name} = {definition}");
        before = "; ";
    }
    text
}

fn part_of(choices: &mut impl Iterator<Item = u8>, level: usize) -> String {
    const PLAIN: [&str; 20] = [
        "Any",
        "None",
        "bool",
        "int",
        "int[0..=7]",
        "int[-1..]",
        "float",
        "str",
        "bytes",
        "datetime",
        "Ext[5]",
        "NamespacePath",
        "Literal['a', 1]",
        "Literal[None]",
        "A",
        "B",
        "A|B",
        "A|None",
        "Optional[B]",
        "A",
    ];
    let choice = choices.next().unwrap_or_default();
    let mut part = || part_of(choices, level.saturating_sub(1));
    match choice / 32 {
        0 if level > 0 => format!("list[{}]", part()),
        1 if level > 0 => format!("dict[{}, {}]", part(), part()),
        2 if level > 0 => format!("{}|{}", part(), part()),
        3 if level > 0 => format!("tuple[{}, {}]", part(), part()),
        4 if level > 0 => format!("Union[{}, {}]", part(), part()),
        _ => PLAIN[usize::from(choice) % PLAIN.len()].to_owned(),
    }
}

fn value_of(choices: &mut impl Iterator<Item = u8>, level: usize, out: &mut Vec<u8>) {
    const SMALL: [&[u8]; 16] = [
        b"\xc0",
        b"\xc3",
        b"\x00",
        b"\x07",
        b"\xff",
        b"\xcc\xff",
        b"\xcb\x3f\xf0\0\0\0\0\0\0",
        b"\xa1a",
        b"\xa1b",
        b"\xa1A",
        b"\xa1B",
        b"\xa3m:f",
        b"\xa1\xff",
        b"\xc4\x01a",
        b"\xd6\xff\0\0\0\x01",
        b"\xd4\x05a",
    ];
    let choice = choices.next().unwrap_or_default();
    let len = choice % 4;
    match choice / 32 {
        0 | 1 if level > 0 => {
            out.push(0x90 | len);
            (0..len).for_each(|_| value_of(choices, level - 1, out));
        }
        2..=5 if level > 0 => {
            out.push(0x80 | len);
            for _ in 0..len {
                out.extend(
                    [b"\xa1a", b"\xa1b", b"\xa1c", b"\xa1b"]
                        [usize::from(choices.next().unwrap_or_default() % 4)],
                );
                value_of(choices, level - 1, out);
            }
        }
        _ => out.extend_from_slice(SMALL[usize::from(choice) % SMALL.len()]),
    }
}
