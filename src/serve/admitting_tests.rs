use super::*;
use crate::base::NodeId;
use crate::metadata::{Change, MetadataLog};
use crate::metrics::{Metrics, Protocol};
use crate::server::Descriptors;
use crate::settings::{Origin, StaticValue, Statics};
use std::time::Duration;

const NODE: NodeId = NodeId(1);

async fn alter(metadata: &MetadataLog, configs: &Configs, set: &[(&str, &str)], delete: &[&str]) {
    let set = set.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let delete = delete.iter().map(|name| name.to_string()).collect();
    let change = Change::SetBrokerConfigs { node: None, set, delete };
    metadata.commit(vec![change]).await.expect("the change is made");
    configs.broker_changed(&metadata.image());
}

async fn until(admission: &Admission, expected: (usize, usize)) {
    let reached = tokio::time::timeout(Duration::from_secs(10), async {
        while admission.bounds() != expected {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert!(reached.await.is_ok(), "{:?} instead of {expected:?}", admission.bounds());
}

#[tokio::test]
async fn altered_limits_hold_at_once_and_within_the_machine() {
    let metadata = MetadataLog::in_memory("Dgn9cRYLQZ2gmzIIXz9aZA");
    let protocol = Protocol { apis: vec![], error_name: |_| "none" };
    let metrics = Arc::new(Metrics::new(prometheus::Registry::new(), protocol, "0", "0", 10).expect("fresh metrics"));
    let id = StaticValue { text: NODE.to_string(), origin: Origin::Flag("-o".to_string()) };
    let statics: Statics = [("node.id".to_string(), id)].into_iter().collect();
    let configs = Configs::new(NODE, Arc::new(statics), &metadata.image(), metrics).expect("good settings");
    let configs = Arc::new(configs);
    let machine = Limits::for_machine(1 << 30, &Descriptors { limit: 4000, connections: 1000, files: 1000 });
    let most = (machine.connections, machine.connections_per_ip);

    // Altered before it is followed, as by an earlier run of the broker.
    alter(&metadata, &configs, &[("max.connections", "70")], &[]).await;
    let admission = Admission::new(most.0, most.1);
    let following = tokio::spawn(follow(configs.clone(), admission.clone(), machine.clone()));
    until(&admission, (70, most.1)).await;
    alter(&metadata, &configs, &[("max.connections.per.ip", "0")], &[]).await;
    until(&admission, (70, 0)).await;
    alter(&metadata, &configs, &[("max.connections", "2000000"), ("max.connections.per.ip", "9")], &[]).await;
    until(&admission, (most.0, 9)).await;
    assert_eq!(excess(&configs.broker(), &machine), Some(2_000_000));
    // What somebody has set for one address may be all that there are.
    alter(&metadata, &configs, &[("max.connections", "1000"), ("max.connections.per.ip", "990")], &[]).await;
    until(&admission, (most.0, 990)).await;
    assert_eq!(excess(&configs.broker(), &machine), None);
    alter(&metadata, &configs, &[], &["max.connections", "max.connections.per.ip"]).await;
    until(&admission, most).await;
    assert_eq!(excess(&configs.broker(), &machine), None, "nobody asked");
    following.abort();
}
