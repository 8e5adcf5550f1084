//! A proxy that writes down requests: one frame of each API and version that passes, as `key version hex`, for the fixtures
//! of the broker's decoder (`src/wire/fixtures/recorded/`, see the README there).
//!
//! `compat-tests record --listen PORT --upstream HOST:PORT --out FILE`; the upstream broker must advertise the proxy's port.
//! It ends when its standard input closes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A frame longer than this is passed on but not kept: fixtures stay readable.
const KEPT_BYTES_MAX: usize = 4096;

type Kept = Arc<Mutex<BTreeMap<(i16, i16), Vec<u8>>>>;

/// Runs the proxy until standard input closes, then writes what was seen.
pub fn main(words: &[String]) -> Result<(), String> {
    let value = |name: &str| {
        let at = words.iter().position(|word| word == name).ok_or_else(|| format!("{name} is missing"))?;
        words.get(at + 1).cloned().ok_or_else(|| format!("{name} needs a value"))
    };
    let (port, upstream, out) = (value("--listen")?, value("--upstream")?, PathBuf::from(value("--out")?));
    let port: u16 = port.parse().map_err(|_| "--listen wants a port")?;
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    let kept = Kept::default();
    let seen = Arc::clone(&kept);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(&upstream) else { continue };
            pass(client, server, Arc::clone(&seen));
        }
    });
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let kept = kept.lock().map_err(|_| "a connection panicked")?;
    let line = |((key, version), frame): (&(i16, i16), &Vec<u8>)| {
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{key} {version} {hex}\n")
    };
    std::fs::write(&out, kept.iter().map(line).collect::<String>()).map_err(|error| error.to_string())
}

fn pass(client: TcpStream, server: TcpStream, kept: Kept) {
    let (Ok(mut from), Ok(mut to)) = (client.try_clone(), server.try_clone()) else { return };
    std::thread::spawn(move || {
        while let Some(frame) = frame(&mut from) {
            let length = u32::try_from(frame.len()).unwrap_or(0).to_be_bytes();
            if to.write_all(&length).and_then(|()| to.write_all(&frame)).is_err() {
                break;
            }
            if frame.len() >= 4 && frame.len() <= KEPT_BYTES_MAX {
                let (key, version) =
                    (i16::from_be_bytes([frame[0], frame[1]]), i16::from_be_bytes([frame[2], frame[3]]));
                let mut kept = kept.lock().expect("no holder panicked");
                // the longest says most
                let best = kept.entry((key, version)).or_default();
                if frame.len() > best.len() {
                    *best = frame;
                }
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (server, client);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn frame(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?.min(128 << 20)];
    from.read_exact(&mut frame).ok()?;
    Some(frame)
}
