use super::*;
use crate::settings::{Check, broker_key};

fn level(level: i16) -> Vec<Level> {
    vec![(GROUP_VERSION.to_owned(), level)]
}

#[test]
fn the_table_is_sound() {
    for feature in FEATURES {
        assert!(feature.levels.contains(&feature.founded) && feature.levels.contains(&0), "{feature:?}");
    }
    assert!(FEATURES.is_sorted_by_key(|feature| feature.name));
    let key = broker_key("ottla.group.version").expect("a key");
    let group = &FEATURES[0].levels;
    assert_eq!(key.check, Check::Range { min: i64::from(*group.start()), max: Some(i64::from(*group.end())) });
}

#[test]
fn a_new_cluster_has_the_levels_of_the_table_unless_the_configuration_names_others() {
    let founded: Vec<_> = level(GROUP_VERSION_FOUNDED).into_iter().filter(|(_, level)| *level > 0).collect();
    assert_eq!(new_levels(&offered(), &[]).expect("good"), founded);
    assert_eq!(new_levels(&offered(), &level(1)).expect("good"), level(1));
    assert_eq!(new_levels(&offered(), &level(0)).expect("good"), [], "level 0 is said by leaving it out");
    assert_eq!(new_levels(&[], &level(0)).expect("good"), [], "not to have what is not offered is no wish");
    for (offered, wanted) in [(offered(), 2), (vec![], 1)] {
        let error = new_levels(&offered, &level(wanted)).expect_err("not offered");
        assert!(matches!(&error, LevelError::Wanted { level, .. } if *level == wanted), "{error}");
    }
}

#[tokio::test]
async fn a_start_brings_the_levels_of_the_configuration_into_force() {
    let metadata = MetadataLog::in_memory("cluster");
    let settle = async |wanted: &[Level]| {
        settle_to(&metadata, &offered(), wanted).await.expect("settled");
        (metadata.image().group_version(), metadata.image().version())
    };
    let (_, before) = settle(&[]).await;
    assert_eq!(settle(&level(1)).await, (1, before + 1));
    assert_eq!(settle(&level(1)).await, (1, before + 1), "nothing to change, nothing written");
    assert_eq!(settle(&[]).await, (1, before + 1), "what the configuration does not name stays");
    assert_eq!(settle(&level(0)).await, (0, before + 2));
}

/// A directory that a later release raised is not served by one that can't keep what the level promises.
#[tokio::test]
async fn a_cluster_at_a_level_that_is_not_offered_is_not_served() {
    for (name, raised) in [(GROUP_VERSION, 2), ("of.the.future", 1)] {
        let metadata = MetadataLog::in_memory("cluster");
        metadata.commit(vec![Change::SetFeature { name: name.to_owned(), level: raised }]).await.expect("raised");
        let error = settle_to(&metadata, &offered(), &level(0)).await.expect_err("not offered");
        assert!(matches!(&error, LevelError::Finalized { level, .. } if *level == raised), "{error}");
        assert_eq!(metadata.image().feature(name), raised, "nothing was changed");
    }
}
