//! Features: NG-1, and UpdateFeatures over the wire.

use super::*;
use crate::metadata::GROUP_VERSION;
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, UpdateFeaturesRequest};

async fn told(broker: &Broker, version: i16) -> ApiVersionsResponse {
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request.client_software_name = string("test");
        request.client_software_version = string("1");
    }
    broker.call(version, &request).await
}

fn update(name: &str, level: i16, kind: i8) -> UpdateFeaturesRequest {
    let mut key = FeatureUpdateKey::default();
    key.feature = string(name);
    key.max_version_level = level;
    key.upgrade_type = kind;
    let mut request = UpdateFeaturesRequest::default();
    request.feature_updates.push(key);
    request
}

/// The newer protocol is there for a client that sees the level and the APIs: never one without the other. Before version 4
/// a feature that starts at 0 is kept from the list (AV-7).
#[tokio::test]
async fn ng_1_the_level_is_told_when_it_is_finalized_and_its_apis_are_served() {
    let broker = Broker::start().await;
    let whole = [68, 69].into_iter().all(|key| Api::from_key(key).is_some());
    for level in [0, 1, 0, 1] {
        let change = Change::SetFeature { name: GROUP_VERSION.to_owned(), level };
        broker.metadata.commit(vec![change]).await.expect("committed");
        assert_eq!(broker.image().group_version(), level);
        for version in 0..=4 {
            let response = told(&broker, version).await;
            let listed = |key: i16| response.api_keys.iter().any(|api| api.api_key == key);
            assert_eq!((listed(68), listed(69)), (whole, whole));
            let supported: Vec<_> =
                response.supported_features.iter().map(|f| (&*f.name, f.min_version, f.max_version)).collect();
            let finalized: Vec<_> = response
                .finalized_features
                .iter()
                .map(|f| (&*f.name, f.min_version_level, f.max_version_level))
                .collect();
            assert_eq!(supported, if whole && version >= 4 { vec![(GROUP_VERSION, 0, 1)] } else { vec![] });
            assert_eq!(
                finalized,
                if whole && level > 0 && version >= 3 { vec![(GROUP_VERSION, 1, 1)] } else { vec![] }
            );
        }
    }
}

#[tokio::test]
async fn the_epoch_of_features_never_falls() {
    let mut broker = Broker::start().await;
    let mut last = -1;
    for round in 0..6 {
        let level = round % 2;
        let change = Change::SetFeature { name: GROUP_VERSION.to_owned(), level };
        broker.metadata.commit(vec![change]).await.expect("committed");
        broker.call(2, &update("none", 1, 1)).await;
        let epoch = told(&broker, 4).await.finalized_features_epoch;
        assert!(epoch > last, "{epoch} after {last}");
        last = epoch;
        broker = broker.restart(if level == 0 { End::Stopped } else { End::Killed }).await;
        let again = told(&broker, 4).await.finalized_features_epoch;
        assert!(again >= last, "{again} after {last}");
    }
}

#[tokio::test]
async fn features_that_are_not_offered_can_not_be_changed() {
    let broker = Broker::start().await;
    for version in 0..=2 {
        let response = broker.call(version, &update("none", 1, 1)).await;
        assert_eq!(code(response.error_code), ErrorCode::InvalidUpdateVersion);
        assert!(response.results.is_empty() && response.error_message.is_some());
        let nothing = broker.call(version, &UpdateFeaturesRequest::default()).await;
        assert_eq!((code(nothing.error_code), nothing.error_message), (ErrorCode::None, None));
    }
    assert_eq!(broker.answered(Api::UpdateFeatures, ErrorCode::InvalidUpdateVersion), 3);
    assert_eq!(broker.answered(Api::UpdateFeatures, ErrorCode::None), 3);
    assert!(broker.image().features().is_empty());
}
