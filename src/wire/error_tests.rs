use super::*;

#[test]
fn codes_are_kafkas_from_minus_1_to_136() {
    let mut codes: Vec<i16> = ErrorCode::ALL.iter().map(|code| code.code()).collect();
    codes.sort_unstable();
    assert_eq!(codes, (-1..=136).collect::<Vec<_>>());
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::from_code(code.code()), Some(*code));
        assert_eq!(code.is_none(), code.code() == 0);
    }
    for number in [i16::MIN, -2, 137, i16::MAX] {
        assert_eq!(ErrorCode::from_code(number), None);
    }
}

/// The crate knows those up to 133 or so, under names in another case.
#[test]
fn names_agree_with_the_crate() {
    let mut compared = 0;
    for code in ErrorCode::ALL.iter().filter(|code| !code.is_none()) {
        let theirs = kafka_protocol::ResponseError::try_from_code(code.code()).expect("not 0").to_string();
        if theirs.starts_with("Unknown error code") {
            assert!(code.code() > 130, "{code}");
            continue;
        }
        let ours: String =
            code.name().split('_').map(|word| word[..1].to_string() + &word[1..].to_lowercase()).collect();
        assert!(
            theirs.eq_ignore_ascii_case(&ours) || theirs.replace('_', "").eq_ignore_ascii_case(&ours),
            "{ours}, {theirs}"
        );
        compared += 1;
    }
    assert!(compared >= 130, "{compared}");
}

#[test]
fn names_are_kafkas() {
    let check = |code: ErrorCode, number, name| assert_eq!((code.code(), code.name()), (number, name));
    check(ErrorCode::UnknownServerError, -1, "UNKNOWN_SERVER_ERROR");
    check(ErrorCode::None, 0, "NONE");
    check(ErrorCode::UnsupportedVersion, 35, "UNSUPPORTED_VERSION");
    check(ErrorCode::InvalidRequest, 42, "INVALID_REQUEST");
    check(ErrorCode::SecurityDisabled, 54, "SECURITY_DISABLED");
    check(ErrorCode::RebootstrapRequired, 129, "REBOOTSTRAP_REQUIRED");
    check(ErrorCode::ControllerIdNotRegistered, 136, "CONTROLLER_ID_NOT_REGISTERED");
}
