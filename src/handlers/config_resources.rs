//! What configuration requests speak of, and how what they ask for becomes a change (AD-1, AD-4, AD-6).

use super::errors;
use super::topic_name;
use super::topics::Topics;
use crate::base::NodeId;
use crate::metadata::{Change, CommitError, Configs, Image, Refusal, Topic};
use crate::settings::{
    AlterError, BrokerTarget, Overrides, State, broker_key, check_broker_change, check_group_change,
    check_topic_change, group_key, topic_key,
};
use crate::wire::ErrorCode;
use parking_lot::Mutex;
use std::sync::Arc;

/// `ConfigResource` types on the wire.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const BROKER_LOGGER: i8 = 8;
pub(super) const CLIENT_METRICS: i8 = 16;
pub(super) const GROUP: i8 = 32;

/// Bytes of the name of a group with configuration of its own, at most. Kafka knows no limit; what is kept here is part of
/// all metadata.
const GROUP_NAME_BYTES_MAX: usize = 1_024;

/// A refusal, in Kafka's code and our words.
pub(super) type Refused = (ErrorCode, String);

/// A thing with configuration.
#[derive(Clone, Debug)]
pub(super) enum ConfigTarget {
    /// A topic.
    Topic(Arc<Topic>),
    /// This broker.
    Broker,
    /// All brokers.
    AllBrokers,
    /// A group, whether there is one of that name or not.
    Group(Arc<str>),
}

/// By whose rules values are altered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rules {
    /// A topic's.
    Topic,
    /// A broker's, or those of all brokers.
    Broker(BrokerTarget),
    /// A group's.
    Group,
}

/// Finds what a request speaks of.
pub(super) fn target(image: &Image, node: NodeId, kind: i8, name: &str) -> Result<ConfigTarget, Refused> {
    let invalid = |message: String| Err((ErrorCode::InvalidRequest, message));
    match kind {
        TOPIC => match image.topic(name) {
            Some(topic) => Ok(ConfigTarget::Topic(topic.clone())),
            None => match topic_name::check(name) {
                Ok(()) => Err((ErrorCode::UnknownTopicOrPartition, format!("There is no topic '{name}'."))),
                Err(error) => Err((ErrorCode::InvalidTopicException, error.to_string())),
            },
        },
        BROKER if name.is_empty() => Ok(ConfigTarget::AllBrokers),
        BROKER => match name.parse::<i32>() {
            Ok(id) if id == node.0 => Ok(ConfigTarget::Broker),
            Ok(id) => invalid(format!("This is broker {node}, not {id}; name {node}, or \"\" for all brokers.")),
            Err(_) => invalid(format!("A broker is named by a number, not '{name}'.")),
        },
        BROKER_LOGGER => invalid("Log levels can't be described or altered while the broker runs.".to_string()),
        CLIENT_METRICS => invalid("Client metrics are not collected by this broker.".to_string()),
        GROUP if name.is_empty() => invalid("A group is named; there is no configuration for all groups.".to_string()),
        GROUP if name.len() > GROUP_NAME_BYTES_MAX => {
            invalid(format!("The name of a group with configuration has {GROUP_NAME_BYTES_MAX} bytes at most."))
        }
        GROUP => Ok(ConfigTarget::Group(name.into())),
        other => invalid(format!("Resource type {other} is unknown.")),
    }
}

/// Changes the values of `target` to what `alter` makes of those it has; only checks that when `validate_only`. What
/// others commit meanwhile is seen: `alter` may be called again.
pub(super) async fn change(
    topics: &Topics,
    node: NodeId,
    target: ConfigTarget,
    validate_only: bool,
    alter: impl Fn(Rules, &Overrides) -> Result<Overrides, AlterError> + Send + Sync + 'static,
) -> Result<(), Refused> {
    let decide = {
        let (target, configs) = (target.clone(), topics.configs().clone());
        move |image: &Image| -> Result<Vec<Change>, AlterOrGone> {
            Ok(match &target {
                ConfigTarget::Topic(topic) => {
                    let topic = image.topic_by_id(topic.id).ok_or(AlterOrGone::Gone)?;
                    let next = alter(Rules::Topic, &topic.configs)?;
                    check_topic_change(&configs.layers(image), &next)?;
                    let (set, delete) = difference(&topic.configs, next);
                    vec![Change::SetTopicConfigs { id: topic.id, set, delete }]
                }
                ConfigTarget::Broker | ConfigTarget::AllBrokers => {
                    let one = matches!(target, ConfigTarget::Broker);
                    let (owner, kind) = if one { (Some(node), BrokerTarget::One) } else { (None, BrokerTarget::All) };
                    let current = image.broker_configs(owner);
                    let next = alter(Rules::Broker(kind), current)?;
                    check_broker_change(&configs.layers(image), kind, &next)?;
                    let (set, delete) = difference(current, next);
                    vec![Change::SetBrokerConfigs { node: owner, set, delete }]
                }
                ConfigTarget::Group(group) => {
                    let current = image.group_configs(group);
                    let next = alter(Rules::Group, current)?;
                    check_group_change(&configs.layers(image), &next)?;
                    let (set, delete) = difference(current, next);
                    vec![Change::SetGroupConfigs { group: group.clone(), set, delete }]
                }
            })
        }
    };
    if validate_only {
        return decide(&topics.image()).map(drop).map_err(refused);
    }
    let failure: Arc<Mutex<Option<AlterOrGone>>> = Arc::default();
    let told = failure.clone();
    let committed = topics
        .metadata()
        .commit_with(move |image| match decide(image) {
            Ok(changes) => {
                changes.iter().for_each(warn_of_no_effect);
                Ok(changes)
            }
            Err(error) => {
                *told.lock() = Some(error);
                Err(Refusal::Declined { reason: "the values do not fit".to_string() })
            }
        })
        .await;
    match committed {
        Ok(_) => {}
        Err(error) => return Err(failure.lock().take().map_or_else(|| commit_failed(&error), refused)),
    }
    match target {
        ConfigTarget::Topic(topic) => topics.spread_settings(topic.id),
        ConfigTarget::Broker | ConfigTarget::AllBrokers => topics.spread_broker_settings(),
        // Its coordinator looks at the metadata at each request.
        ConfigTarget::Group(_) => {}
    }
    Ok(())
}

enum AlterOrGone {
    Alter(AlterError),
    Gone,
}

impl From<AlterError> for AlterOrGone {
    fn from(error: AlterError) -> Self {
        AlterOrGone::Alter(error)
    }
}

fn refused(error: AlterOrGone) -> Refused {
    match error {
        AlterOrGone::Alter(error) => (errors::of_alter(&error), error.to_string()),
        AlterOrGone::Gone => (ErrorCode::UnknownTopicOrPartition, "The topic was deleted.".to_string()),
    }
}

fn commit_failed(error: &CommitError) -> Refused {
    (errors::of_commit(error), format!("{error}."))
}

/// What must be set and deleted to come from one to the other.
fn difference(current: &Configs, next: Overrides) -> (Configs, Vec<String>) {
    let delete = current.keys().filter(|name| !next.contains_key(*name)).cloned().collect();
    let set = next.into_iter().filter(|(name, value)| current.get(name) != Some(value)).collect();
    (set, delete)
}

/// Says so when a value is kept but does nothing yet.
fn warn_of_no_effect(change: &Change) {
    let (set, find): (&Configs, fn(&str) -> Option<&'static crate::settings::Key>) = match change {
        Change::SetTopicConfigs { set, .. } => (set, topic_key),
        Change::SetBrokerConfigs { set, .. } => (set, broker_key),
        Change::SetGroupConfigs { set, .. } => (set, group_key),
        Change::FoundCluster { .. }
        | Change::CreateTopic { .. }
        | Change::DeleteTopic { .. }
        | Change::AddPartitions { .. }
        | Change::StartBroker { .. }
        | Change::ReserveProducerIds { .. }
        | Change::SetFeature { .. } => return,
    };
    for name in set.keys().filter(|name| find(name).is_some_and(|key| key.state == State::Accepted)) {
        tracing::warn!(key = %name, "altered, but this key has no effect in this version");
    }
}
