use super::*;

const LIMIT: u32 = 100 * 1024 * 1024;

#[test]
fn lengths() {
    let check = |prefix: i32, limit: u32, read: Result<usize, FrameError>| {
        assert_eq!(length(prefix.to_be_bytes(), limit), read);
    };
    check(10, LIMIT, Ok(10));
    check(LIMIT as i32, LIMIT, Ok(LIMIT as usize));
    check(LIMIT as i32 + 1, LIMIT, Err(FrameError::TooLong { claimed: LIMIT as i32 + 1, limit: LIMIT }));
    check(i32::MAX, LIMIT, Err(FrameError::TooLong { claimed: i32::MAX, limit: LIMIT }));
    check(i32::MAX, i32::MAX as u32, Ok(i32::MAX as usize));
    check(0, LIMIT, Err(FrameError::TooShort(0)));
    check(9, LIMIT, Err(FrameError::TooShort(9)));
    check(-1, LIMIT, Err(FrameError::TooShort(-1)));
    check(i32::MIN, LIMIT, Err(FrameError::TooShort(i32::MIN)));
    let early = FRAME_BEFORE_LOGIN_BYTES_MAX;
    check(early as i32 + 1, early, Err(FrameError::TooLong { claimed: early as i32 + 1, limit: early }));
}

#[test]
fn other_protocols_are_refused_by_name() {
    let check = |bytes: &[u8; 4], error: Option<Foreign>, message: &str| {
        let refused = length(*bytes, LIMIT).expect_err("not a length");
        let foreign = match refused {
            FrameError::Foreign(foreign) => Some(foreign),
            FrameError::TooLong { .. } | FrameError::TooShort(_) => None,
        };
        assert_eq!(foreign, error, "{refused}");
        assert!(refused.to_string().contains(message), "{refused}");
    };
    check(b"\x16\x03\x01\x02", Some(Foreign::Tls), "TLS");
    check(b"\x16\x03\x03\x00", Some(Foreign::Tls), "TLS");
    check(b"GET ", Some(Foreign::Http), "HTTP");
    check(b"POST", Some(Foreign::Http), "HTTP");
    check(b"PRI ", Some(Foreign::Http), "HTTP");
    check(b"SSH-", None, "limit");
    check(b"EHLO", None, "limit");
    check(b"\x80\x2e\x01\x03", None, "shorter"); // SSL 2
}
