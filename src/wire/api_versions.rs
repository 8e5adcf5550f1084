//! The answer of ApiVersions, versions 0 to 5: what every connection starts with.
//!
//! Its own codec, because the crate's ends at 4, and because version 0 must answer versions that nobody knows yet.

use super::api::{API_TABLE, Api, Row};
use super::reader::At;
use super::writer::Writer;
use super::{ErrorCode, RequestHeader};
use bytes::{BufMut, Bytes};

/// A feature level that the broker can run at (KIP-584).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupportedFeature {
    /// Its name.
    pub name: &'static str,
    /// The lowest level.
    pub min: i16,
    /// The highest level.
    pub max: i16,
}

/// A feature level that the cluster runs at. Level 0 is said by leaving the feature out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalizedFeature {
    /// Its name.
    pub name: &'static str,
    /// The level; lowest and highest are one since KIP-584 was finished.
    pub level: i16,
}

/// What the broker speaks. The APIs are those of [`API_TABLE`]; with an error only ApiVersions' own row, so that the
/// array is never null or empty (AV-3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiVersionsResponse {
    /// INVALID_REQUEST (AV-5), REBOOTSTRAP_REQUIRED (AV-9), or none.
    pub error_code: ErrorCode,
    /// How long the client is throttled, milliseconds.
    pub throttle_time_ms: i32,
    /// Feature levels the broker could run at.
    pub supported_features: Vec<SupportedFeature>,
    /// Grows with each change of the levels; clients ignore them below 0. `None` is sent as no epoch.
    pub finalized_features_epoch: Option<u32>,
    /// Feature levels the cluster runs at.
    pub finalized_features: Vec<FinalizedFeature>,
}

impl ApiVersionsResponse {
    /// The whole answer to a request whose version is served.
    pub fn encode(&self, header: &RequestHeader) -> Bytes {
        self.write(header.correlation_id, header.at())
    }

    /// The whole answer to a request of a version that is not served: a version 0 body with UNSUPPORTED_VERSION and the
    /// versions that are (AV-2). The connection stays open.
    pub fn unsupported(correlation_id: i32) -> Bytes {
        let response =
            ApiVersionsResponse { error_code: ErrorCode::UnsupportedVersion, ..ApiVersionsResponse::default() };
        response.write(correlation_id, Api::ApiVersions.at(0))
    }

    fn write(&self, correlation_id: i32, at: At) -> Bytes {
        let mut writer = Writer::new(at, 32 + 8 * API_TABLE.len());
        writer.out.put_i32(correlation_id); // the header stays at version 0 (AV-4)
        writer.error(self.error_code);
        let rows: &[Row] = match self.error_code {
            ErrorCode::None => API_TABLE,
            _ => std::slice::from_ref(Api::ApiVersions.row()),
        };
        writer.count(rows.len());
        for row in rows {
            writer.out.put_i16(row.key);
            writer.out.put_i16(row.advertised_min);
            writer.out.put_i16(row.max);
            writer.no_tags();
        }
        if writer.since(1) {
            writer.out.put_i32(self.throttle_time_ms);
        }
        if writer.since(3) {
            self.put_features(&mut writer);
        }
        writer.out.freeze()
    }

    /// The tagged section: features, and the epoch of the finalized ones.
    fn put_features(&self, writer: &mut Writer) {
        // Clients of versions below 4 reject a whole answer in which a feature starts at 0 (AV-7).
        let from_zero = writer.since(4);
        let supported: Vec<_> = self.supported_features.iter().filter(|feature| from_zero || feature.min > 0).collect();
        let (epoch, finalized) = (self.finalized_features_epoch, &self.finalized_features);
        let present = [!supported.is_empty(), epoch.is_some(), !finalized.is_empty()];
        writer.tag_count(present.into_iter().filter(|present| *present).count());
        if !supported.is_empty() {
            writer.tag(0, |writer| {
                writer.count(supported.len());
                for feature in supported {
                    writer.string(Some(feature.name));
                    writer.out.put_i16(feature.min);
                    writer.out.put_i16(feature.max);
                    writer.no_tags();
                }
            });
        }
        if let Some(epoch) = epoch {
            writer.tag(1, |writer| writer.out.put_i64(i64::from(epoch)));
        }
        if !finalized.is_empty() {
            writer.tag(2, |writer| {
                writer.count(finalized.len());
                for feature in finalized {
                    writer.string(Some(feature.name));
                    writer.out.put_i16(feature.level); // highest, then lowest
                    writer.out.put_i16(feature.level);
                    writer.no_tags();
                }
            });
        }
    }
}

#[cfg(test)]
#[path = "api_versions_tests.rs"]
mod tests;
