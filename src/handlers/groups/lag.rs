//! Consumer lag, computed where committed offsets and high watermarks are: a picture of all groups every few seconds.

use super::{Groups, any_state};
use crate::base::{Offset, PartitionIndex, TopicId};
use crate::group::command::{Command, GroupSurvey, Name, Reply};
use crate::metadata::Image;
use crate::metrics::{GroupPicture, Lag, Metrics};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Time between two pictures: what Prometheus scrapes is never much older.
const PICTURE_EVERY: Duration = Duration::from_secs(5);

impl Groups {
    /// Takes pictures until the broker ends.
    pub async fn watch(self: Arc<Self>, metrics: Arc<Metrics>) {
        loop {
            tokio::time::sleep(PICTURE_EVERY).await;
            metrics.groups.show(self.picture().await);
        }
    }

    /// The groups now. One whose coordinator is loading is not in it.
    pub async fn picture(&self) -> GroupPicture {
        let mut picture = GroupPicture::default();
        for told in self.ask_all(|| Command::Survey).await {
            match told {
                Ok(Reply::Survey { groups, unread }) => {
                    picture.unread += unread;
                    let image = self.topics().image();
                    for group in groups {
                        *picture.states.entry(any_state(group.state)).or_default() += 1;
                        self.lags(&image, group, &mut picture.lags);
                    }
                }
                Ok(other) => unreachable!("a survey is answered with {other:?}"),
                Err(_) => {}
            }
        }
        picture
    }

    fn lags(&self, image: &Image, group: GroupSurvey, lags: &mut Vec<Lag>) {
        let mut by_topic: BTreeMap<Name, u64> = BTreeMap::new();
        for (topic, id, partition, committed) in group.committed {
            if let Some(behind) = self.behind(image, &topic, id, partition, committed) {
                *by_topic.entry(topic).or_default() += behind;
            }
        }
        let of_topic = |(topic, records)| Lag { group: group.group.clone(), topic, records };
        lags.extend(by_topic.into_iter().map(of_topic));
    }

    /// Records from the committed offset, or from the log start where it lies above that, to the high watermark.
    fn behind(
        &self,
        image: &Image,
        topic: &str,
        id: TopicId,
        partition: PartitionIndex,
        committed: Offset,
    ) -> Option<u64> {
        let topic = image.topic(topic).filter(|topic| id.is_zero() || topic.id == id)?;
        let marks = self.topics().partition(image, topic, partition)?.watermarks();
        u64::try_from(marks.durable.0 - committed.0.max(marks.log_start.0)).ok().or(Some(0))
    }
}
