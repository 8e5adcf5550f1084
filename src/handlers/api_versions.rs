//! ApiVersions (18), versions 0-5. KIP-35, KIP-511 (client software), KIP-584 (features), KIP-1242 (whom the client means).
//!
//! - AV-2, AV-3: a version that is not served gets a version 0 body with error 35 and the range of key 18; the service
//!   does that before a body is decoded.
//! - AV-5: software names that are not words get INVALID_REQUEST; librdkafka falls back on it.
//! - AV-9: a client that means another cluster or broker gets REBOOTSTRAP_REQUIRED.
//! - NG-1: features are told that are offered, with the level that the cluster runs at; level 0 is said by leaving it out.

use super::answer::{Done, Outcome};
use super::call::{Peer, Software};
use super::features;
use crate::base::NodeId;
use crate::metadata::Image;
use crate::wire::api_versions::{ApiVersionsResponse, FinalizedFeature, SupportedFeature};
use crate::wire::requests::ApiVersionsRequest;
use crate::wire::{ErrorCode, RequestHeader};

/// The version from which a client names its software.
const SOFTWARE_SINCE: i16 = 3;

pub(super) fn answer(
    image: &Image,
    node: NodeId,
    peer: &Peer,
    header: &RequestHeader,
    request: &ApiVersionsRequest,
) -> Outcome {
    let error_code = check(image, node, header.version, request);
    if header.version >= SOFTWARE_SINCE && error_code.is_none() {
        peer.set_software(Software {
            name: request.client_software_name.to_string(),
            version: request.client_software_version.to_string(),
        });
    }
    let mut response = ApiVersionsResponse { error_code, ..ApiVersionsResponse::default() };
    if error_code.is_none() {
        tell_features(image, &mut response);
    }
    Ok(Done { body: response.encode(header).into(), error: error_code })
}

fn tell_features(image: &Image, response: &mut ApiVersionsResponse) {
    // Grows with the metadata, so it never goes back: clients drop an answer with a lower one.
    response.finalized_features_epoch = Some(u32::try_from(image.version()).unwrap_or(u32::MAX));
    for feature in features::offered() {
        let (name, level) = (feature.name, image.feature(feature.name));
        let (min, max) = (*feature.levels.start(), *feature.levels.end());
        response.supported_features.push(SupportedFeature { name, min, max });
        if level > 0 {
            response.finalized_features.push(FinalizedFeature { name, level });
        }
    }
}

fn check(image: &Image, node: NodeId, version: i16, request: &ApiVersionsRequest) -> ErrorCode {
    let words = is_word(&request.client_software_name) && is_word(&request.client_software_version);
    if version >= SOFTWARE_SINCE && !words {
        return ErrorCode::InvalidRequest;
    }
    let Some(cluster) = &request.cluster_id else { return ErrorCode::None };
    let right_node = request.node_id.0 < 0 || request.node_id == node;
    if **cluster == **image.cluster_id() && right_node { ErrorCode::None } else { ErrorCode::RebootstrapRequired }
}

/// Letters and digits, with dots and hyphens between them: `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`.
fn is_word(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends(text.chars().next())
        && ends(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}
