use super::*;

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

#[test]
fn both_bounds_hold_and_places_come_back() {
    let admission = Admission::new(4, 2);
    let one = admission.admit(address(1)).expect("the first");
    let _two = admission.admit(address(1)).expect("the second");
    assert_eq!(admission.admit(address(1)).err(), Some(Refusal::MaxConnectionsPerIp));
    let mapped = address(1).to_string().parse::<std::net::Ipv4Addr>().expect("v4").to_ipv6_mapped();
    assert_eq!(admission.admit(mapped.into()).err(), Some(Refusal::MaxConnectionsPerIp), "the same address");
    let _three = admission.admit(address(2)).expect("another address");
    let _four = admission.admit(address(3)).expect("another address");
    assert_eq!(admission.admit(address(4)).err(), Some(Refusal::MaxConnections));
    drop(one);
    assert_eq!(admission.open(), 3);
    admission.admit(address(1)).expect("the place is free again");
}

#[test]
fn nothing_is_remembered_of_who_is_gone() {
    let admission = Admission::new(1000, 5);
    let slots: Vec<_> = (0..200).map(|last| admission.admit(address(last)).expect("a place")).collect();
    assert_eq!((admission.open(), admission.addresses()), (200, 200));
    drop(slots);
    assert_eq!((admission.open(), admission.addresses()), (0, 0));
    let none = Admission::new(10, 0);
    assert_eq!(none.admit(address(1)).err(), Some(Refusal::MaxConnectionsPerIp));
    assert_eq!((none.open(), none.addresses()), (0, 0));
}

#[test]
fn bounds_change_for_those_who_come() {
    let admission = Admission::new(1, 1);
    let first = admission.admit(address(1)).expect("the first");
    assert_eq!(admission.admit(address(2)).err(), Some(Refusal::MaxConnections));
    admission.set_bounds(3, 1);
    assert_eq!(admission.admit(address(1)).err(), Some(Refusal::MaxConnectionsPerIp));
    admission.set_bounds(3, 2);
    let second = admission.admit(address(1)).expect("two of one address");
    admission.set_bounds(1, 1);
    assert_eq!((admission.bounds(), admission.open()), ((1, 1), 2), "who is in stays in");
    drop(first);
    assert_eq!(admission.admit(address(2)).err(), Some(Refusal::MaxConnections));
    drop(second);
    admission.admit(address(2)).expect("below the bound again");
}
