//! The bytes of a file as UTF-8, piece by piece: gzip (of any number of members) is unpacked, UTF-16 and ISO-8859-1 are
//! translated, a byte order mark is dropped (spec import Q57). Memory does not depend on the size of the file.
//!
//! Zeros behind the last member are padding, which gzip(1) ignores too: tapes and block devices leave it. Anything else
//! there makes the file broken: it may be a member that was damaged.

use crate::{Unreadable, count};
use flate2::write::GzDecoder;
use harmonia_definitions::Encoding;
use memchr::memchr_iter;
use std::{borrow::Cow, io::Write, mem};

/// Longest text that is read. The most lines that a file may have ([`RECORDS_MAX`](crate::RECORDS_MAX)), each as long
/// as TGX2's frame of 850 characters (spec import §7.7), are 6 GB; twice that and room.
pub const TEXT_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Longest text that is made of other bytes in one go ([`decode_all`]); a longer one comes in pieces. A quarter of the
/// 512 MB that the import function has, which also holds the file and its lines.
pub const MEMORY_TEXT_BYTES_MAX: usize = 128 * 1024 * 1024;
/// So many times its size may gzip data unpack to. The format repeats at most 258 bytes in 2 bits, 1,032 times, but
/// only for runs of one byte, which are no lines: text that repeats after 17 bytes or more takes 5 bits, 413 times.
/// Measured: TGX2 41 to 48 times, a CSV row of 100 bytes over and over 294, lines of 849 blanks 321, or 433 packed with
/// `-9`. A bomb has about 1,030 times. What one of 500 times could do is bounded by [`TEXT_BYTES_MAX`], and nothing
/// that is packed twice is unpacked twice.
pub const GZIP_RATIO_MAX: u64 = 500;
/// As much may be unpacked whatever the ratio: one range's worth twice over is no attack.
pub const GZIP_FREE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes that are taken from the input at once, and about as many as a piece of text has at most.
const PIECE_BYTES_MAX: usize = 64 * 1024;
/// The longest byte order mark, so as many bytes decide what a file is.
const MARK_BYTES_MAX: usize = 3;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF16_LE_MARK: [u8; 2] = [0xff, 0xfe];
const UTF16_BE_MARK: [u8; 2] = [0xfe, 0xff];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Utf16Le,
    Utf16Be,
    Latin1,
}

/// How the bytes come.
enum Carrier {
    /// Too few bytes to tell.
    Unknown,
    Plain,
    /// A member of a gzip file.
    Gzip(Box<GzDecoder<Vec<u8>>>),
    /// Zeros behind the last member.
    Padding,
}

impl Carrier {
    fn member() -> Self {
        Self::Gzip(Box::new(GzDecoder::new(Vec::new())))
    }
}

/// Turns the bytes of one file into text.
///
/// ```
/// # use harmonia_definitions::Encoding;
/// # use harmonia_feeds::{Decoder, Unreadable};
/// # fn each_piece(_: &str) {}
/// # fn read(chunks: &[&[u8]]) -> Result<(), Unreadable> {
/// let mut decoder = Decoder::new(Encoding::Utf8);
/// for chunk in chunks {
///     let mut rest = *chunk;
///     while !rest.is_empty() {
///         each_piece(decoder.decode(&mut rest)?);
///     }
/// }
/// each_piece(decoder.finish()?);
/// # Ok(())
/// # }
/// # read(&[b"a\n", b"b"]).unwrap();
/// ```
pub struct Decoder {
    encoding: Encoding,
    carrier: Carrier,
    charset: Option<Charset>,
    /// The file began with a byte order mark.
    marked: bool,
    /// Unpacked, not yet translated.
    bytes: Vec<u8>,
    /// The piece that was handed out last.
    text: String,
    /// Bytes of the file that were taken.
    packed: u64,
    /// Unpacked bytes that were translated: the position of the first of `bytes`.
    translated: u64,
    /// Line feeds handed out.
    line_feeds: u64,
}

impl Decoder {
    /// At the start of a file.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            carrier: Carrier::Unknown,
            charset: None,
            marked: false,
            bytes: Vec::new(),
            text: String::new(),
            packed: 0,
            translated: 0,
            line_feeds: 0,
        }
    }

    /// Takes at least one byte from `input` and returns the text that is known now, about 64 KiB at most. To be called
    /// until `input` is empty.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<&str, Unreadable> {
        self.fill(input)?;
        self.translate(false)
    }

    /// The rest of the text, after the last byte of the file.
    pub fn finish(&mut self) -> Result<&str, Unreadable> {
        if let Carrier::Gzip(_) = self.carrier {
            self.end_member()?;
            self.within_limits()?;
        }
        if let Carrier::Unknown = self.carrier {
            self.carrier = Carrier::Plain;
        }
        self.translate(true)
    }

    /// Is the text the file, byte by byte? Then a copy of it is not needed. `None` as long as too little has been read
    /// to tell.
    pub fn as_is(&self) -> Option<bool> {
        let plain = matches!(self.carrier, Carrier::Plain);
        self.charset.map(|charset| plain && charset == Charset::Utf8 && !self.marked)
    }

    fn fill(&mut self, input: &mut &[u8]) -> Result<(), Unreadable> {
        if matches!(self.carrier, Carrier::Unknown) {
            let missing = GZIP.len().saturating_sub(self.bytes.len());
            let taken = self.take(input, missing);
            self.bytes.extend_from_slice(taken);
            if self.bytes == GZIP {
                self.carrier = Carrier::member();
                let begun = mem::take(&mut self.bytes);
                self.unpack(&begun)?;
            } else if !GZIP.starts_with(&self.bytes) {
                self.carrier = Carrier::Plain;
            }
        }
        if let Carrier::Plain = self.carrier {
            let taken = self.take(input, PIECE_BYTES_MAX);
            self.bytes.extend_from_slice(taken);
        }
        while let Carrier::Gzip(_) = self.carrier
            && let Some(next) = input.first()
            && self.bytes.len() < PIECE_BYTES_MAX
        {
            match self.unpack(input)? {
                0 => {
                    self.end_member()?;
                    self.carrier = if *next == 0 { Carrier::Padding } else { Carrier::member() };
                }
                taken => drop(self.take(input, taken)),
            }
        }
        if let Carrier::Padding = self.carrier {
            let zeros = input.iter().take_while(|byte| **byte == 0).count();
            self.take(input, zeros);
            if !input.is_empty() {
                return Err(self.broken_gzip());
            }
        }
        self.within_limits()
    }

    /// Unpacks at most the unpacker's own buffer of 32 KiB; returns how many bytes it took, none at a member's end.
    fn unpack(&mut self, packed: &[u8]) -> Result<usize, Unreadable> {
        let Carrier::Gzip(gzip) = &mut self.carrier else { return Ok(0) };
        let taken = gzip.write(packed);
        self.bytes.append(gzip.get_mut());
        taken.map_err(|_| self.broken_gzip())
    }

    /// The member at hand has to be whole.
    fn end_member(&mut self) -> Result<(), Unreadable> {
        let Carrier::Gzip(gzip) = &mut self.carrier else { return Ok(()) };
        let whole = gzip.try_finish();
        self.bytes.append(gzip.get_mut());
        whole.map_err(|_| self.broken_gzip())
    }

    fn take<'i>(&mut self, input: &mut &'i [u8], most: usize) -> &'i [u8] {
        let (taken, rest) = input.split_at_checked(most).unwrap_or((input, &[]));
        *input = rest;
        self.packed += count(taken.len());
        taken
    }

    fn within_limits(&self) -> Result<(), Unreadable> {
        let unpacked = self.translated + count(self.bytes.len());
        if unpacked > TEXT_BYTES_MAX {
            return Err(Unreadable::TooLarge { bytes_max: TEXT_BYTES_MAX });
        }
        let gzip = matches!(self.carrier, Carrier::Gzip(_));
        if gzip && unpacked > GZIP_FREE_BYTES_MAX.max(self.packed.saturating_mul(GZIP_RATIO_MAX)) {
            return Err(Unreadable::GzipBomb { line: self.line_feeds + 1, offset: self.packed });
        }
        Ok(())
    }

    fn translate(&mut self, last: bool) -> Result<&str, Unreadable> {
        self.text.clear();
        if let Some(charset) = self.charset(last) {
            let translated = match charset {
                Charset::Utf8 => utf8(&self.bytes, last, &mut self.text),
                Charset::Utf16Le => utf16(&self.bytes, u16::from_le_bytes, last, &mut self.text),
                Charset::Utf16Be => utf16(&self.bytes, u16::from_be_bytes, last, &mut self.text),
                Charset::Latin1 => {
                    self.text.extend(self.bytes.iter().copied().map(char::from));
                    Ok(self.bytes.len())
                }
            };
            self.line_feeds += count(memchr_iter(b'\n', self.text.as_bytes()).count());
            let length = translated.map_err(|at| {
                let (line, offset) = (self.line_feeds + 1, self.translated + count(at));
                match charset {
                    Charset::Utf16Le | Charset::Utf16Be => Unreadable::NotUtf16 { line, offset },
                    _ => Unreadable::NotUtf8 { line, offset },
                }
            })?;
            self.translated += count(length);
            self.bytes.drain(..length);
        }
        Ok(&self.text)
    }

    /// What the text is written in, once its first bytes are there; takes the byte order mark away.
    fn charset(&mut self, last: bool) -> Option<Charset> {
        let known = last || self.bytes.len() >= MARK_BYTES_MAX;
        if self.charset.is_none() && known {
            let starts = |mark: &[u8]| self.bytes.starts_with(mark);
            let (charset, mark) = match self.encoding {
                Encoding::Latin1 => (Charset::Latin1, 0),
                Encoding::Utf8 if starts(&UTF8_MARK) => (Charset::Utf8, UTF8_MARK.len()),
                Encoding::Utf8 if starts(&UTF16_LE_MARK) => (Charset::Utf16Le, UTF16_LE_MARK.len()),
                Encoding::Utf8 if starts(&UTF16_BE_MARK) => (Charset::Utf16Be, UTF16_BE_MARK.len()),
                Encoding::Utf8 => (Charset::Utf8, 0),
            };
            self.bytes.drain(..mark);
            self.translated += count(mark);
            self.marked = mark > 0;
            self.charset = Some(charset);
        }
        self.charset
    }

    fn broken_gzip(&self) -> Unreadable {
        let unseen = memchr_iter(b'\n', &self.bytes).count();
        Unreadable::BrokenGzip { line: self.line_feeds + count(unseen) + 1, offset: self.packed }
    }
}

/// Appends what is complete; returns how many bytes that were, or where the first wrong one stands.
fn utf8(bytes: &[u8], last: bool, text: &mut String) -> Result<usize, usize> {
    match std::str::from_utf8(bytes) {
        Ok(all) => {
            text.push_str(all);
            Ok(bytes.len())
        }
        Err(error) => {
            let valid = error.valid_up_to();
            text.push_str(bytes.get(..valid).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default());
            if error.error_len().is_none() && !last { Ok(valid) } else { Err(valid) }
        }
    }
}

/// As [`utf8`]; half a surrogate pair at the end may become whole.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, last: bool, text: &mut String) -> Result<usize, usize> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let mut done = 0;
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match character {
            Ok(character) => {
                text.push(character);
                done += 2 * character.len_utf16();
            }
            Err(half) => {
                let high = (0xd800..0xdc00).contains(&half.unpaired_surrogate());
                let at_the_end = done + 2 == 2 * pairs.len();
                return if high && at_the_end && !last { Ok(done) } else { Err(done) };
            }
        }
    }
    if last && !odd.is_empty() { Err(done) } else { Ok(done) }
}

/// The text of a whole file, borrowed if it is the file, else of at most [`MEMORY_TEXT_BYTES_MAX`] bytes.
pub fn decode_all(encoding: Encoding, file: &[u8]) -> Result<Cow<'_, str>, Unreadable> {
    let plain = encoding == Encoding::Utf8 && !file.starts_with(&UTF8_MARK) && !file.starts_with(&GZIP);
    match str::from_utf8(file) {
        Ok(text) if plain => Ok(Cow::Borrowed(text)),
        _ => decode_at_most(MEMORY_TEXT_BYTES_MAX, encoding, file).map(Cow::Owned),
    }
}

fn decode_at_most(bytes_max: usize, encoding: Encoding, file: &[u8]) -> Result<String, Unreadable> {
    let mut decoder = Decoder::new(encoding);
    let mut rest = file;
    let mut text = String::new();
    while !rest.is_empty() {
        text.push_str(decoder.decode(&mut rest)?);
        if text.len() > bytes_max {
            return Err(Unreadable::TooLarge { bytes_max: count(bytes_max) });
        }
    }
    text.push_str(decoder.finish()?);
    Ok(text)
}

#[cfg(test)]
mod tests;
