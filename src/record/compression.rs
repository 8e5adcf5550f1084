//! The five codecs of Kafka's batches, as readers that decompress no further than they are read.
//!
//! Snappy comes in two forms: the xerial stream (Java, most clients) and one raw block (librdkafka, franz-go; R25). Both
//! are read; the xerial form is written. A raw block can't be read piecewise, so its announced size is checked against
//! the cap and against what snappy can reach at best before anything is allocated.

use std::io::{self, Read};

/// How a batch's records are compressed; the numbers are the attribute bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Compression {
    /// Plain.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy, raw or in xerial's framing.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// What opens a xerial snappy stream: its magic, then version and compatible version.
const XERIAL_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const XERIAL_HEADER_BYTES: usize = XERIAL_MAGIC.len() + 4 + 4;
/// Plain bytes per xerial chunk written here (xerial's own default).
const XERIAL_CHUNK_BYTES: usize = 32 * 1024;
/// A snappy block can't reach more than about 22 plain bytes per compressed one; more is a lie.
const SNAPPY_RATIO_MAX: usize = 32;
/// Largest zstd window accepted, as a power of two (what the strongest level of the reference compressor uses).
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

impl Compression {
    /// The codec of an attribute number.
    pub fn from_id(id: u8) -> Option<Compression> {
        Some(match id {
            0 => Compression::None,
            1 => Compression::Gzip,
            2 => Compression::Snappy,
            3 => Compression::Lz4,
            4 => Compression::Zstd,
            _ => return None,
        })
    }

    /// The attribute number.
    pub fn id(self) -> u8 {
        match self {
            Compression::None => 0,
            Compression::Gzip => 1,
            Compression::Snappy => 2,
            Compression::Lz4 => 3,
            Compression::Zstd => 4,
        }
    }

    /// Reads the plain form of `bytes`; at most `bytes_max` of it, then an error of kind `OutOfMemory`.
    pub fn reader(self, bytes: &[u8], bytes_max: usize) -> io::Result<Box<dyn Read + '_>> {
        let inner: Box<dyn Read + '_> = match self {
            Compression::None => Box::new(bytes),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(bytes)),
            Compression::Snappy if bytes.starts_with(XERIAL_MAGIC) => Box::new(Xerial::new(bytes)?),
            Compression::Snappy => Box::new(io::Cursor::new(snappy_block(bytes, bytes_max)?)),
            Compression::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(bytes)),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        };
        Ok(Box::new(Capped { inner, left: bytes_max }))
    }

    /// The whole plain form of `bytes`, at most `bytes_max`.
    pub fn decompress(self, bytes: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        self.reader(bytes, bytes_max)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    /// Compresses `plain` at the codec's default level.
    pub fn compress(self, plain: &[u8]) -> io::Result<Vec<u8>> {
        use std::io::Write;
        match self {
            Compression::None => Ok(plain.to_vec()),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(plain)?;
                encoder.finish()
            }
            Compression::Snappy => xerial(plain),
            Compression::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(plain)?;
                Ok(encoder.finish()?)
            }
            Compression::Zstd => zstd::stream::encode_all(plain, zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }
}

/// Ends a read with an error once more than the cap came out.
struct Capped<R> {
    inner: R,
    left: usize,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        match self.left.checked_sub(read) {
            Some(left) => self.left = left,
            None => return Err(over_cap()),
        }
        Ok(read)
    }
}

fn over_cap() -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, "records decompress to more than the cap")
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn snappy_block(block: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let claimed = snap::raw::decompress_len(block).map_err(|_| invalid("snappy block has no length"))?;
    if claimed > bytes_max {
        return Err(over_cap());
    }
    if claimed > block.len().saturating_mul(SNAPPY_RATIO_MAX) {
        return Err(invalid("snappy block claims more than snappy can reach"));
    }
    snap::raw::Decoder::new().decompress_vec(block).map_err(|_| invalid("snappy block is damaged"))
}

fn xerial(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = XERIAL_MAGIC.to_vec();
    out.extend_from_slice(&1i32.to_be_bytes());
    out.extend_from_slice(&1i32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for chunk in plain.chunks(XERIAL_CHUNK_BYTES) {
        let block = encoder.compress_vec(chunk).map_err(io::Error::other)?;
        let length = i32::try_from(block.len()).map_err(io::Error::other)?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&block);
    }
    Ok(out)
}

/// Reads a xerial stream: after its header, chunks of (length i32, snappy block). Streams may be concatenated.
struct Xerial<'a> {
    rest: &'a [u8],
    chunk: io::Cursor<Vec<u8>>,
}

/// Most plain bytes of one xerial chunk: far above what writers use, below what could hurt.
const XERIAL_CHUNK_PLAIN_MAX: usize = 64 * 1024 * 1024;

impl<'a> Xerial<'a> {
    fn new(bytes: &'a [u8]) -> io::Result<Self> {
        let rest = bytes.get(XERIAL_HEADER_BYTES..).ok_or_else(|| invalid("snappy stream header is cut off"))?;
        Ok(Xerial { rest, chunk: io::Cursor::new(Vec::new()) })
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        if self.rest.starts_with(XERIAL_MAGIC) {
            *self = Xerial::new(self.rest)?;
            return Ok(());
        }
        let (length, rest) = self.rest.split_first_chunk().ok_or_else(|| invalid("snappy chunk length is cut off"))?;
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| invalid("snappy chunk length"))?;
        let block = rest.get(..length).ok_or_else(|| invalid("snappy chunk is cut off"))?;
        self.rest = &rest[length..];
        self.chunk = io::Cursor::new(snappy_block(block, XERIAL_CHUNK_PLAIN_MAX)?);
        Ok(())
    }
}

impl Read for Xerial<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.chunk.read(buf)?;
            if read > 0 || buf.is_empty() || self.rest.is_empty() {
                return Ok(read);
            }
            self.next_chunk()?;
        }
    }
}
