use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

/// The text of a file that comes in chunks of `size` bytes, and whether it is the file.
fn decode(encoding: Encoding, file: &[u8], size: usize) -> Result<(String, Option<bool>), Unreadable> {
    let mut decoder = Decoder::new(encoding);
    let mut text = String::new();
    for chunk in file.chunks(size.max(1)) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let before = rest.len();
            let piece = decoder.decode(&mut rest)?;
            assert!(piece.len() <= 4 * PIECE_BYTES_MAX, "memory does not depend on the input");
            text.push_str(piece);
            assert!(rest.len() < before);
        }
    }
    text.push_str(decoder.finish()?);
    Ok((text, decoder.as_is()))
}

fn unicode(file: &[u8]) -> Result<(String, Option<bool>), Unreadable> {
    decode(Encoding::Utf8, file, file.len())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
}

/// Only plain UTF-8 without a mark is its own text.
#[test]
fn what_needs_no_copy() {
    let is = |file: &[u8]| unicode(file).unwrap().1;
    assert_eq!((is(b""), is(b"\x1f"), is("é\n".as_bytes())), (Some(true), Some(true), Some(true)));
    assert_eq!(
        (is("\u{feff}a".as_bytes()), is(&gzip(b"a")), is(b"\xff\xfea\0")),
        (Some(false), Some(false), Some(false))
    );
    assert_eq!(decode(Encoding::Latin1, b"a", 1).unwrap().1, Some(false));
    assert_eq!(Decoder::new(Encoding::Utf8).as_is(), None);
}

/// Spec import Q57: the mark is no part of the first column's name; only one at the very start is one.
#[test]
fn marks() {
    assert_eq!(unicode("\u{feff}\u{feff}a\u{feff}".as_bytes()).unwrap().0, "\u{feff}a\u{feff}");
    for mark in [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"] {
        assert_eq!(unicode(mark).unwrap().0, "", "{mark:x?}");
    }
    assert_eq!(decode(Encoding::Latin1, b"\xef\xbb\xbfa", 1).unwrap().0, "\u{ef}\u{bb}\u{bf}a");
}

/// Not windows-1252: 0x80 to 0x9f are control characters. NUL is a character like others.
#[test]
fn latin_1_is_exact() {
    let bytes: Vec<u8> = (0..=255).collect();
    let text: String = (0..=255).map(char::from_u32).map(Option::unwrap).collect();
    assert_eq!(decode(Encoding::Latin1, &bytes, 7).unwrap().0, text);
}

/// The messages name line and byte.
#[test]
fn wrong_bytes() {
    let not_utf8 = |file: &[u8]| match unicode(file).unwrap_err() {
        Unreadable::NotUtf8 { line, offset } => (line, offset),
        other => panic!("{other}"),
    };
    assert_eq!(not_utf8(b"a\nb\nc\xff\nd"), (3, 5));
    assert_eq!(not_utf8(b"\xef\xbb\xbfa\n\xc3"), (2, 5), "cut off; the mark counts");
    assert_eq!(not_utf8(b"\xed\xa0\x80"), (1, 0), "a surrogate");
    let far = [&b"x".repeat(PIECE_BYTES_MAX), &b"\n\xc3("[..]].concat();
    assert_eq!(not_utf8(&far), (2, count(PIECE_BYTES_MAX) + 1));
    assert_eq!(unicode(b"a\n\xff").unwrap_err().to_string(), "line 2: not UTF-8 at byte 2");
    assert_eq!(not_utf8(&gzip(b"a\n\xff")), (2, 2), "in the unpacked file");
    for (file, offset) in [
        (&b"\xff\xfe\n\0\0\xd8a\0"[..], 4),
        (b"\xff\xfe\n\0\0\xdc", 4),
        (b"\xff\xfe\n\0\0\xd8", 4),
        (b"\xff\xfe\n\0a", 4),
        (b"\xfe\xff\0\n\xd8\0\0a", 4),
    ] {
        assert_eq!(unicode(file).unwrap_err(), Unreadable::NotUtf16 { line: 2, offset }, "{file:x?}");
    }
}

#[test]
fn gzip_of_several_members() {
    let file = [gzip(b"a\n"), gzip(b""), gzip("é".as_bytes())].concat();
    for size in 1..file.len() {
        assert_eq!(decode(Encoding::Utf8, &file, size).unwrap(), ("a\né".to_owned(), Some(false)));
    }
    assert_eq!(decode_all(Encoding::Latin1, &gzip(b"\xe9")).unwrap(), "é");
}

/// Wherever it is cut off, a packed file is not half imported; nor is one that was changed on the way.
#[test]
fn gzip_that_is_not_whole() {
    let file = gzip(b"a\nb\nc\n");
    for length in 2..file.len() {
        let error = unicode(&file[..length]).unwrap_err();
        assert!(matches!(error, Unreadable::BrokenGzip { .. }), "{length}: {error}");
    }
    let error = unicode(&file[..file.len() - 1]).unwrap_err();
    assert_eq!(error, Unreadable::BrokenGzip { line: 4, offset: count(file.len()) - 1 });
    let mut changed = file.clone();
    changed[file.len() - 6] ^= 1;
    assert!(matches!(unicode(&changed).unwrap_err(), Unreadable::BrokenGzip { .. }));
    let trailing = [&file[..], b"junk"].concat();
    assert!(matches!(unicode(&trailing).unwrap_err(), Unreadable::BrokenGzip { .. }));
}

/// As gzip(1) has it: zeros behind the last member are padding, nothing else is, nor does a member follow them.
#[test]
fn gzip_that_is_padded() {
    let file = [gzip(b"a\n"), gzip(b"b")].concat();
    for zeros in [1, 7, 8, 511, 3 * PIECE_BYTES_MAX] {
        let padded = [&file[..], &vec![0; zeros]].concat();
        for size in [1, 2, 100, padded.len()] {
            assert_eq!(decode(Encoding::Utf8, &padded, size).unwrap(), ("a\nb".to_owned(), Some(false)), "{zeros}");
        }
        for behind in [&b"x"[..], &gzip(b"c")] {
            let broken = unicode(&[&padded, behind].concat()).unwrap_err();
            assert!(matches!(broken, Unreadable::BrokenGzip { line: 2, .. }), "{broken}");
        }
    }
    let cut = [&file[..file.len() - 8], &[0; 512]].concat();
    assert!(matches!(unicode(&cut).unwrap_err(), Unreadable::BrokenGzip { .. }), "padding is no trailer");
}

/// Whatever is the same from row to row, or blank, is no bomb, however large the file.
#[test]
fn files_of_equal_lines_are_no_bombs() {
    let short = "A076,23.45,4500".to_owned() + "\r\n";
    for line in [short, " ".repeat(849) + "\n"] {
        let text = line.repeat(5 * usize::try_from(GZIP_FREE_BYTES_MAX).unwrap() / 4 / line.len());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(text.len() > 200 * packed.len(), "this is what the limit is about");
        assert_eq!(unicode(&packed).unwrap().0.len(), text.len());
    }
}

/// Blanks pack a thousandfold: refused long before they are all unpacked, whatever stands before them.
#[test]
fn gzip_bombs() {
    let bomb = gzip(&b" ".repeat(20_000_000));
    for start in [&b"a\n"[..], &b"Store No_,Amount\n".repeat(50_000)] {
        let mut decoder = Decoder::new(Encoding::Utf8);
        let file = [gzip(start), bomb.repeat(500)].concat();
        let mut rest = file.as_slice();
        let refused = loop {
            match decoder.decode(&mut rest) {
                Ok(_) => assert!(!rest.is_empty(), "10 GB"),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, Unreadable::GzipBomb { .. }), "{refused}");
        let early = file.len() / 50;
        assert!(file.len() - rest.len() < early, "{} of {} bytes", file.len() - rest.len(), file.len());
    }
    let twice = gzip(&bomb.repeat(500));
    assert!(matches!(unicode(&twice).unwrap_err(), Unreadable::NotUtf8 { .. }), "the inner one is not unpacked");
    let error = unicode(&bomb).unwrap_err();
    assert!(matches!(error, Unreadable::GzipBomb { line: 1, .. }), "{error}");
    let free = usize::try_from(GZIP_FREE_BYTES_MAX).unwrap();
    assert_eq!(unicode(&gzip(&b" ".repeat(free))).unwrap().0.len(), free);
    let in_memory = decode_at_most(1000, Encoding::Utf8, &gzip(&b" ".repeat(free))).map(|text| text.len());
    assert_eq!(in_memory, Err(Unreadable::TooLarge { bytes_max: 1000 }));
    let mut decoder = Decoder::new(Encoding::Utf8);
    decoder.translated = TEXT_BYTES_MAX;
    assert_eq!(decoder.decode(&mut &b"abc"[..]), Err(Unreadable::TooLarge { bytes_max: TEXT_BYTES_MAX }));
}

/// Marks, and the header of a gzip member.
const STARTS: [&[u8]; 5] = [b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x1f\x8b\x08\0\0\0\0\0\0\0"];

proptest! {
    /// gzip, UTF-16, marks and ISO-8859-1 all read as the text itself, however the bytes come.
    #[test]
    fn every_form_is_the_same_text(text in "(\\PC|\n|\u{0}|[\u{10000}-\u{10ffff}]){0,60}", size in 1_usize..20) {
        prop_assume!(!text.starts_with('\u{feff}'));
        let halves = text.split_at(text.floor_char_boundary(text.len() / 2));
        let forms = [
            text.as_bytes().to_vec(),
            ["\u{feff}".as_bytes(), text.as_bytes()].concat(),
            utf16(&text, u16::to_le_bytes),
            utf16(&text, u16::to_be_bytes),
            gzip(text.as_bytes()),
            gzip(&utf16(&text, u16::to_be_bytes)),
            [gzip(halves.0.as_bytes()), gzip(halves.1.as_bytes())].concat(),
        ];
        for form in forms {
            prop_assert_eq!(&decode(Encoding::Utf8, &form, size).unwrap().0, &text);
            prop_assert_eq!(&decode_all(Encoding::Utf8, &form).unwrap(), &text);
        }
        let latin: String = text.chars().filter(|c| u32::from(*c) < 256).collect();
        let bytes: Vec<u8> = latin.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        prop_assert_eq!(decode(Encoding::Latin1, &bytes, size).unwrap().0, latin);
    }

    /// No bytes panic, and the chunks do not matter, for the error neither.
    #[test]
    fn chunks_do_not_matter(
        start in prop::sample::select(STARTS.to_vec()),
        bytes in prop::collection::vec(prop::sample::select(b"a\n\x00\xd8\xdc\xc3\xa9\xff".to_vec()), 0..40),
        size in 1_usize..9,
    ) {
        let file = [start, &bytes].concat();
        for encoding in [Encoding::Utf8, Encoding::Latin1] {
            let (chunks, whole) = (decode(encoding, &file, size), decode(encoding, &file, file.len()));
            if start.starts_with(&GZIP) {
                // how much a broken archive gives before it is found out is the unpacker's business
                prop_assert_eq!(chunks.is_ok(), whole.is_ok());
            } else {
                prop_assert_eq!(&chunks, &whole);
            }
            prop_assert_eq!(decode_all(encoding, &file).is_ok(), whole.is_ok());
        }
    }
}
