//! Log-in, encryption and access control: `ssl.*`, `sasl.*`, authorizer, delegation tokens.

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: false;
    "authorizer.class.name" String "" [] ReadOnly (refused "access control is not served yet; leave it empty")
        "Java class that decides who may do what.";
    "config.providers" List "" [list] ClusterWide (refused "write the values themselves, or set them through the environment")
        "Names of plug-ins that fill in configuration values from elsewhere.";
    "connection.failed.authentication.delay.ms" Int "100" [0 ..] ReadOnly Accepted
        "How long the answer to a failed log-in is held back, in milliseconds.";
    "connections.max.reauth.ms" Long "0" [] ReadOnly Accepted
        "Longest life of a log-in before the client must renew it, in milliseconds; 0 means no limit.";
    "delegation.token.expiry.check.interval.ms" Long "3600000" [1 ..] ReadOnly Accepted
        "Pause between two sweeps of outdated delegation tokens, in milliseconds.";
    "delegation.token.expiry.time.ms" Long "86400000" [1 ..] ReadOnly Accepted
        "Life of a delegation token between renewals, in milliseconds.";
    "delegation.token.max.lifetime.ms" Long "604800000" [1 ..] ReadOnly Accepted
        "Longest life of a delegation token, renewals included, in milliseconds.";
    "delegation.token.secret.key" Password unset [] ReadOnly Accepted
        "Secret from which delegation tokens are made.";
    "principal.builder.class" Class "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder" [] PerBroker Accepted
        "Java class that turns a log-in into a principal; Ottla has its own rule.";
    "sasl.client.callback.handler.class" Class unset [] ReadOnly Accepted
        "Java class that supplies credentials for SASL connections this broker opens.";
    "sasl.enabled.mechanisms" List "GSSAPI" [list] PerBroker Accepted
        "SASL mechanisms that clients may log in with.";
    "sasl.jaas.config" Password unset [] PerBroker Accepted
        "Log-in settings in the JAAS notation.";
    "sasl.kerberos.kinit.cmd" String "/usr/bin/kinit" [] PerBroker Accepted
        "Path of the Kerberos kinit program.";
    "sasl.kerberos.min.time.before.relogin" Long "60000" [] PerBroker Accepted
        "Least time between two Kerberos log-ins, in milliseconds.";
    "sasl.kerberos.principal.to.local.rules" List "DEFAULT" [list] PerBroker Accepted
        "Rules that turn Kerberos principals into short names.";
    "sasl.kerberos.service.name" String unset [] PerBroker Accepted
        "Kerberos service name of the brokers.";
    "sasl.kerberos.ticket.renew.jitter" Double "0.05" [] PerBroker Accepted
        "Random share added to the time of a Kerberos renewal.";
    "sasl.kerberos.ticket.renew.window.factor" Double "0.8" [] PerBroker Accepted
        "Share of a Kerberos ticket's life after which it is renewed.";
    "sasl.login.callback.handler.class" Class unset [] ReadOnly Accepted
        "Java class that handles SASL log-in callbacks.";
    "sasl.login.class" Class unset [] ReadOnly Accepted
        "Java class that performs SASL log-ins.";
    "sasl.login.connect.timeout.ms" Int unset [] ReadOnly Accepted
        "How long connecting to an outside log-in service may take, in milliseconds.";
    "sasl.login.read.timeout.ms" Int unset [] ReadOnly Accepted
        "How long reading from an outside log-in service may take, in milliseconds.";
    "sasl.login.refresh.buffer.seconds" Short "300" [] PerBroker Accepted
        "Seconds before the end of a credential by which it should be renewed.";
    "sasl.login.refresh.min.period.seconds" Short "60" [] PerBroker Accepted
        "Least seconds between two renewals of a credential.";
    "sasl.login.refresh.window.factor" Double "0.8" [] PerBroker Accepted
        "Share of a credential's life after which it is renewed.";
    "sasl.login.refresh.window.jitter" Double "0.05" [] PerBroker Accepted
        "Random share added to the time of a renewal.";
    "sasl.login.retry.backoff.max.ms" Long "10000" [] ReadOnly Accepted
        "Longest pause between two tries at an outside log-in service, in milliseconds.";
    "sasl.login.retry.backoff.ms" Long "100" [] ReadOnly Accepted
        "First pause before an outside log-in service is tried again, in milliseconds.";
    "sasl.mechanism.controller.protocol" String "GSSAPI" [] ReadOnly Accepted
        "SASL mechanism towards controllers.";
    "sasl.mechanism.inter.broker.protocol" String "GSSAPI" [] PerBroker Accepted
        "SASL mechanism between brokers.";
    "sasl.oauthbearer.allow.unverified.audience" Boolean "false" [] ReadOnly Accepted
        "Whether tokens pass without a check of whom they are meant for.";
    "sasl.oauthbearer.allow.unverified.issuer" Boolean "false" [] ReadOnly Accepted
        "Whether tokens pass without a check of who issued them.";
    "sasl.oauthbearer.assertion.algorithm" String "RS256" [nocase "ES256" "RS256"] ReadOnly Accepted
        "Signature algorithm of the client assertion.";
    "sasl.oauthbearer.assertion.claim.aud" String unset [] ReadOnly Accepted
        "Audience claim of the client assertion.";
    "sasl.oauthbearer.assertion.claim.exp.seconds" Int "300" [0 ..= 86400] ReadOnly Accepted
        "Seconds from now until the client assertion ends.";
    "sasl.oauthbearer.assertion.claim.iss" String unset [] ReadOnly Accepted
        "Issuer claim of the client assertion.";
    "sasl.oauthbearer.assertion.claim.jti.include" Boolean "false" [] ReadOnly Accepted
        "Whether the client assertion carries an id of its own.";
    "sasl.oauthbearer.assertion.claim.nbf.seconds" Int "60" [0 ..= 3600] ReadOnly Accepted
        "Seconds before now from which the client assertion counts.";
    "sasl.oauthbearer.assertion.claim.sub" String unset [] ReadOnly Accepted
        "Subject claim of the client assertion.";
    "sasl.oauthbearer.assertion.file" String unset [] ReadOnly Accepted
        "File that holds a ready-made client assertion.";
    "sasl.oauthbearer.assertion.private.key.file" String unset [] ReadOnly Accepted
        "File of the private key that signs the client assertion.";
    "sasl.oauthbearer.assertion.private.key.passphrase" Password unset [] ReadOnly Accepted
        "Passphrase of the private key that signs the client assertion.";
    "sasl.oauthbearer.assertion.template.file" String unset [] ReadOnly Accepted
        "File with a template of headers and claims for the client assertion.";
    "sasl.oauthbearer.client.credentials.client.id" String unset [] ReadOnly Accepted
        "Client id presented to the token service.";
    "sasl.oauthbearer.client.credentials.client.secret" Password unset [] ReadOnly Accepted
        "Client secret presented to the token service.";
    "sasl.oauthbearer.clock.skew.seconds" Int "30" [] ReadOnly Accepted
        "Seconds by which the clock of the token service may differ.";
    "sasl.oauthbearer.expected.audience" List "" [list] ReadOnly Accepted
        "Audiences of which a token must name one.";
    "sasl.oauthbearer.expected.issuer" String unset [] ReadOnly Accepted
        "Issuer that a token must name.";
    "sasl.oauthbearer.jwks.endpoint.refresh.ms" Long "3600000" [] ReadOnly Accepted
        "Pause between two fetches of the token service's keys, in milliseconds.";
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms" Long "10000" [] ReadOnly Accepted
        "Longest pause between two tries at the token service's keys, in milliseconds.";
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms" Long "100" [] ReadOnly Accepted
        "First pause before the token service's keys are fetched again, in milliseconds.";
    "sasl.oauthbearer.jwks.endpoint.url" String unset [] ReadOnly Accepted
        "Where the token service publishes its keys.";
    "sasl.oauthbearer.jwt.retriever.class" Class "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever" [] ReadOnly Accepted
        "Java class that fetches tokens.";
    "sasl.oauthbearer.jwt.validator.class" Class "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator" [] ReadOnly Accepted
        "Java class that checks tokens.";
    "sasl.oauthbearer.scope" String unset [] ReadOnly Accepted
        "Scope asked for at the token service.";
    "sasl.oauthbearer.scope.claim.name" String "scope" [] ReadOnly Accepted
        "Claim in which a token names its scope.";
    "sasl.oauthbearer.sub.claim.name" String "sub" [] ReadOnly Accepted
        "Claim in which a token names its subject.";
    "sasl.oauthbearer.token.endpoint.url" String unset [] ReadOnly Accepted
        "Where the token service hands out tokens.";
    "sasl.server.callback.handler.class" Class unset [] ReadOnly Accepted
        "Java class that checks credentials on the server side.";
    "sasl.server.max.receive.size" Int "524288" [] ReadOnly Accepted
        "Largest frame taken from a client before it has logged in, in bytes.";
    "security.inter.broker.protocol" String "PLAINTEXT" [one "PLAINTEXT" "SSL" "SASL_PLAINTEXT" "SASL_SSL"] ReadOnly Accepted
        "Security protocol between brokers.";
    "security.providers" String unset [] ReadOnly Accepted
        "Java security providers.";
    "ssl.allow.dn.changes" Boolean "false" [] ReadOnly Accepted
        "Whether a reloaded certificate may name another subject.";
    "ssl.allow.san.changes" Boolean "false" [] ReadOnly Accepted
        "Whether a reloaded certificate may drop alternative names.";
    "ssl.cipher.suites" List "" [list] PerBroker Accepted
        "Cipher suites that may be used; empty leaves the choice to the library.";
    "ssl.client.auth" String "none" [one "required" "requested" "none"] PerBroker Accepted
        "Whether clients must, may or need not show a certificate.";
    "ssl.enabled.protocols" List "TLSv1.2,TLSv1.3" [list] PerBroker Accepted
        "TLS versions that may be used.";
    "ssl.endpoint.identification.algorithm" String "https" [] PerBroker Accepted
        "How a server's name is checked against its certificate; empty switches the check off.";
    "ssl.engine.factory.class" Class unset [] PerBroker Accepted
        "Java class that makes TLS engines.";
    "ssl.key.password" Password unset [] PerBroker Accepted
        "Password of the private key.";
    "ssl.keymanager.algorithm" String "SunX509" [] PerBroker Accepted
        "Java algorithm of the key manager.";
    "ssl.keystore.certificate.chain" Password unset [] PerBroker Accepted
        "Certificate chain of the broker in PEM form.";
    "ssl.keystore.key" Password unset [] PerBroker Accepted
        "Private key of the broker in PEM form.";
    "ssl.keystore.location" String unset [] PerBroker Accepted
        "File of the broker's key and certificate.";
    "ssl.keystore.password" Password unset [] PerBroker Accepted
        "Password of the key file.";
    "ssl.keystore.type" String "JKS" [] PerBroker Accepted
        "Format of the key file.";
    "ssl.principal.mapping.rules" String "DEFAULT" [] ReadOnly Accepted
        "Rules that turn certificate subjects into principals.";
    "ssl.protocol" String "TLSv1.3" [] PerBroker Accepted
        "TLS version that is preferred.";
    "ssl.provider" String unset [] PerBroker Accepted
        "Java provider of TLS.";
    "ssl.secure.random.implementation" String unset [] PerBroker Accepted
        "Java source of random numbers for TLS.";
    "ssl.trustmanager.algorithm" String "PKIX" [] PerBroker Accepted
        "Java algorithm of the trust manager.";
    "ssl.truststore.certificates" Password unset [] PerBroker Accepted
        "Trusted certificates in PEM form.";
    "ssl.truststore.location" String unset [] PerBroker Accepted
        "File of trusted certificates.";
    "ssl.truststore.password" Password unset [] PerBroker Accepted
        "Password of the file of trusted certificates.";
    "ssl.truststore.type" String "JKS" [] PerBroker Accepted
        "Format of the file of trusted certificates.";
};
