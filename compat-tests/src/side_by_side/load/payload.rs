//! The content of records: lines as services log them, which compress about three to one.

use crate::rng::Rng;

/// Bytes of text that records are cut from.
const POOL_BYTES: usize = 4 << 20;
const LEVELS: [&str; 4] = ["INFO", "WARN", "DEBUG", "ERROR"];
const PATHS: [&str; 6] = ["/api/v1/orders", "/api/v1/users", "/login", "/healthz", "/static/app.js", "/checkout"];

/// Text to cut values from.
pub struct Payload {
    pool: Vec<u8>,
    value_bytes: usize,
    at: usize,
}

impl Payload {
    /// Values of so many bytes; the same seed gives the same ones.
    pub fn new(seed: u64, value_bytes: usize) -> Payload {
        let mut rng = Rng::new(seed);
        let mut pool = Vec::with_capacity(POOL_BYTES + 256);
        while pool.len() < POOL_BYTES.max(value_bytes * 2) {
            pool.extend_from_slice(line(&mut rng).as_bytes());
        }
        Payload { pool, value_bytes, at: 0 }
    }

    /// The next value.
    pub fn value(&mut self) -> &[u8] {
        if self.at + self.value_bytes > self.pool.len() {
            // Not the same cuts on the next lap.
            self.at = (self.at + 61) % 251;
        }
        let from = self.at;
        self.at += self.value_bytes;
        &self.pool[from..from + self.value_bytes]
    }
}

fn line(rng: &mut Rng) -> String {
    let (level, path) = (LEVELS[rng.below(LEVELS.len())], PATHS[rng.below(PATHS.len())]);
    let (id, bytes, micros) = (rng.bits(), rng.below(100_000), rng.below(1_000_000));
    format!("{{\"level\":\"{level}\",\"path\":\"{path}\",\"trace\":\"{id:016x}\",\"bytes\":{bytes},\"us\":{micros}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_size_and_come_again_with_their_seed() {
        for size in [1, 100, 102_400, POOL_BYTES] {
            let (mut one, mut other) = (Payload::new(7, size), Payload::new(7, size));
            for _ in 0..50 {
                let value = one.value().to_vec();
                assert_eq!(value.len(), size);
                assert_eq!(value, other.value());
            }
        }
    }
}
