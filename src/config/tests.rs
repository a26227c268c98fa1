//! Good and bad configurations, as they are typed.

use super::{Config, ConfigError, Layers};
use dataflows::graph::Grading;
use dataflows::score::model_history::Learning;
use std::path::Path;

const FILE: &str = "f.toml";

fn layers(text: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Layers {
    let environment = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let layers = Layers::default().text(Path::new(FILE), text).unwrap().environment(environment);
    flags
        .iter()
        .fold(layers, |layers, (key, value)| layers.flag(key, *value, format!("--set {key}")))
}

fn good(text: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Config {
    layers(text, environment, flags).check().unwrap().0
}

/// What is told of a bad file, environment or command line, all lines of it.
fn check(text: &str, environment: &[(&str, &str)], flags: &[(&str, &str)], told: &[&str]) {
    let error = layers(text, environment, flags).check().expect_err(text);
    assert_eq!(error.to_string().lines().collect::<Vec<_>>(), told, "{text}");
}

#[test]
fn nothing_is_the_embedded_default() {
    let config = good("", &[], &[]);
    assert!(config.kafka.is_none() && config.redis.is_none() && config.zookeeper.is_none());
    assert_eq!((config.workers, config.processes(), config.peers()), (1, 1, 1));
}

#[test]
fn the_shipped_file_is_the_stack_and_names_every_key_with_its_default() {
    let text = include_str!("../../workers.toml");
    let (config, settings) = layers(text, &[], &[]).check().unwrap();
    assert_eq!(config.kafka.unwrap().brokers.len(), 3);
    assert_eq!(config.redis.unwrap().url.expose(), "redis://127.0.0.1:6379");
    assert_eq!(config.zookeeper.unwrap().hosts, ["127.0.0.1:2181"]);
    let (_, defaults) = layers("", &[], &[]).check().unwrap();
    let stack = ["workers", "kafka.brokers", "redis.url", "zookeeper.hosts"];
    for (setting, default) in settings.iter().zip(&defaults) {
        assert!(setting.origin.to_string().starts_with(FILE), "{setting:?} is not in the file");
        assert_eq!(setting.key, default.key);
        let differs = setting.value != default.value;
        assert_eq!(differs, stack.contains(&&*setting.key), "{setting:?} {default:?}");
    }
}

#[test]
fn later_layers_hide_earlier_ones() {
    let text = "workers = 2\n[http]\nthreads = 3\n";
    let environment =
        [("RECSYS_HTTP_THREADS", "4"), ("RECSYS_HOSTS", "a:1, b:2"), ("RECSYS_LOG", "debug")];
    let config = good(text, &environment, &[("http.threads", "5")]);
    assert_eq!((config.workers, config.http.threads, config.processes()), (2, 5, 2));
    let marked = format!("\u{feff}{text}");
    let config = good(&marked, &environment, &[]);
    assert_eq!((config.http.threads, config.hosts), (4, vec!["a:1".to_owned(), "b:2".into()]));
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_its_rule() {
    let number = "must be a whole number from 1 to 256";
    check("[http]\nthreads = 0", &[], &[], &[&format!("f.toml:2: http.threads = 0: {number}")]);
    check(
        "\n[http]\n\nthreads = \"x\"",
        &[],
        &[],
        &[&format!("f.toml:4: http.threads = \"x\": {number}")],
    );
    check(
        "",
        &[("RECSYS_HTTP_THREADS", "-1")],
        &[],
        &[&format!("RECSYS_HTTP_THREADS: http.threads = \"-1\": {number}")],
    );
    check(
        "",
        &[],
        &[("http.threads", "300")],
        &[&format!("--set http.threads: http.threads = \"300\": {number}")],
    );
    check(
        "views.mode = \"some\"",
        &[],
        &[],
        &["f.toml:1: views.mode = \"some\": must be \"profile\" or \"all\""],
    );
    check(
        "[views]\nhorizon_days = 200\npairs_days = 199",
        &[],
        &[],
        &["f.toml:3: views.pairs_days = 199: must be at least views.horizon_days"],
    );
    check(
        "[views]\nhorizon_days = 30\nprofile_days = 29",
        &[],
        &[],
        &["f.toml:3: views.profile_days = 29: must be at least views.horizon_days"],
    );
    check(
        "views.profile_days = 400\nviews.mode = \"profile\"",
        &[],
        &[],
        &[
            "f.toml:1: views.profile_days = 400: needs views.mode = \"all\": with profiles alone no user's activity \
           is known",
        ],
    );
    let old = "is no longer a setting; use views.mode = \"profile\" or \"all\"";
    check("views.bought = true", &[], &[], &[&format!("f.toml:1: views.bought: {old}")]);
    check(
        "",
        &[("RECSYS_VIEWS_HISTORY", "false")],
        &[("views.activity", "false")],
        &[
            &format!("--set views.activity: views.activity: {old}"),
            &format!("RECSYS_VIEWS_HISTORY: views.history: {old}"),
        ],
    );
    check(
        "kafka.brokers = [\"localhost\"]",
        &[],
        &[],
        &[
            "f.toml:1: kafka.brokers = [\"localhost\"]: must be host:port, which \"localhost\" is not",
        ],
    );
    check(
        "[kafka]\naccept_loss = 1",
        &[],
        &[],
        &["f.toml:2: kafka.accept_loss = 1: must be true or false"],
    );
    check(
        "process = 2\nhosts = [\"a:1\", \"b:1\"]",
        &[],
        &[],
        &["f.toml:1: process = 2: must be below the number of hosts, which is 2"],
    );
    check(
        "hosts = [\"a:1\", \"a:1\"]",
        &[],
        &[],
        &["f.toml:1: hosts = [\"a:1\", \"a:1\"]: must name each process once"],
    );
    check(
        "http.listen = \"8080\"",
        &[],
        &[],
        &["f.toml:1: http.listen = \"8080\": must be an IP address and a port, as 127.0.0.1:8080"],
    );
    check(
        "[http]\nmax_body_bytes = 2048\nbody_budget_bytes = 1024",
        &[],
        &[],
        &[
            "f.toml:3: http.body_budget_bytes = 1024: must be at least http.max_body_bytes, which is 2048",
        ],
    );
    check(
        "http.max_catalogue_bytes = 100",
        &[],
        &[],
        &[
            "f.toml:1: http.max_catalogue_bytes = 100: must be a whole number from 1024 to 17179869184",
        ],
    );
    assert_eq!(good("", &[], &[]).http.max_catalogue_bytes, 104_857_600);
    check(
        "zookeeper.auth_scheme = \"digest\"",
        &[],
        &[],
        &["default: zookeeper.auth = \"\": must come with zookeeper.auth_scheme, and it with this"],
    );
    for bad in ["http://shop", "", "shop:", "shop:0", "[::1]", "a b"] {
        let rule = "must be *, or a host's name, perhaps with a port";
        let told = format!("f.toml:1: http.hosts = [{bad:?}]: {rule}, which {bad:?} is not");
        check(&format!("http.hosts = [{bad:?}]"), &[], &[], &[&told]);
    }
    check(
        "http.cors_headers = [\"X-Shop\", \"a b\"]",
        &[],
        &[],
        &[
            "f.toml:1: http.cors_headers = [\"X-Shop\", \"a b\"]: must be a header's name, which \"a b\" is not",
        ],
    );
    check(
        "http.cors_origins = [\"shop\"]",
        &[],
        &[],
        &[
            "f.toml:1: http.cors_origins = [\"shop\"]: must be *, or an origin as https://shop.example",
        ],
    );
}

#[test]
fn a_share_is_graded_and_weights_are_learned_unless_it_is_said_otherwise() {
    let grading = |text: &str| good(text, &[], &[]).grading;
    let Grading { share, per_second, learning, .. } = grading("");
    assert_eq!((share, per_second, learning), (0.05, Some(10), Learning::On));
    assert_eq!(grading("grading.per_second = 7").per_second, Some(7));
    for (text, share) in [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("1e-3", 0.001), ("\"0.5\"", 0.5)]
    {
        assert_eq!(grading(&format!("grading.share = {text}")).share, share);
    }
    assert_eq!(good("", &[("RECSYS_GRADING_SHARE", "0.5")], &[]).grading.share, 0.5);
    for (text, learning) in
        [("on", Learning::On), ("off", Learning::Off), ("propose", Learning::Propose)]
    {
        assert_eq!(grading(&format!("ranking.learning = {text:?}")).learning, learning);
    }
    for bad in ["-0.1", "1.5", "nan", "inf", "\"much\"", "true", "[]"] {
        let told = format!("f.toml:2: grading.share = {bad}: must be a number from 0 to 1");
        check(&format!("[grading]\nshare = {bad}"), &[], &[], &[&told]);
    }
    check(
        "",
        &[],
        &[("grading.share", "2")],
        &["--set grading.share: grading.share = \"2\": must be a number from 0 to 1"],
    );
    for bad in ["\"yes\"", "\"On\"", "\"\""] {
        let told =
            format!("f.toml:1: ranking.learning = {bad}: must be \"on\", \"off\" or \"propose\"");
        check(&format!("ranking.learning = {bad}"), &[], &[], &[&told]);
    }
    check(
        "ranking.learning = true",
        &[],
        &[],
        &["f.toml:1: ranking.learning = true: must be a string"],
    );
    check(
        "ranking.share = 0.5",
        &[],
        &[],
        &["f.toml:1: ranking.share: there is no such setting; did you mean grading.share?"],
    );
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known() {
    let no = "there is no such setting";
    check(
        "[http]\nlistne = \"\"",
        &[],
        &[],
        &[&format!("f.toml:2: http.listne: {no}; did you mean http.listen?")],
    );
    check(
        "listen = \"\"",
        &[],
        &[],
        &[&format!("f.toml:1: listen: {no}; did you mean http.listen?")],
    );
    check("[quux]", &[], &[], &[&format!("f.toml:1: quux: {no}")]);
    check(
        "",
        &[("RECSYS_HTP_LISTEN", "")],
        &[],
        &[&format!("RECSYS_HTP_LISTEN: htp.listen: {no}; did you mean http.listen?")],
    );
    check(
        "",
        &[],
        &[("worker", "1")],
        &[&format!("--set worker: worker: {no}; did you mean workers?")],
    );
}

#[test]
fn all_problems_are_told_at_once() {
    check(
        "workers = 0\nfoo_bar = 1\n",
        &[],
        &[],
        &[
            "f.toml:1: workers = 0: must be a whole number from 1 to 1024",
            "f.toml:2: foo_bar: there is no such setting",
        ],
    );
}

#[test]
fn librdkafka_judges_its_properties() {
    let told = [
        "f.toml:3: kafka.properties.acks = \"1\": is not to be set: an event is acknowledged when \
         all replicas in sync have it",
        "f.toml:2: kafka.properties.liner.ms = \"5\": No such configuration property: \"liner.ms\"",
    ];
    check("[kafka.properties]\n\"liner.ms\" = \"5\"\nacks = \"1\"", &[], &[], &told);
    let environment = [("RECSYS_KAFKA_BROKERS", "b:1"), ("RECSYS_KAFKA_PROPERTIES_LINGER_MS", "5")];
    let kafka = good("", &environment, &[]).kafka.unwrap();
    assert_eq!(kafka.properties["linger.ms"].expose(), "5");
}

#[test]
fn secrets_are_never_shown() {
    let text = r#"
        kafka.brokers = ["b:1"]
        kafka.properties."sasl.password" = "hunter2"
        redis.url = "rediss://me:hunter2@r:6379/1"
        zookeeper = { hosts = ["z:1"], auth_scheme = "digest", auth = "me:hunter2" }
    "#;
    let (config, settings) = layers(text, &[], &[]).check().unwrap();
    let shown = format!("{config:?} {settings:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("rediss://me:***@r:6379/1"), "{shown}");
    let bad =
        [("redis.url", "redix://me:hunter2@r"), ("kafka.properties.ssl.key.password", "hunter2")];
    for (key, value) in bad {
        let told = layers("", &[], &[(key, value)]).check();
        assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
    }
}

#[test]
fn a_secret_may_be_in_a_file_and_is_read_there_whenever_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
    write("redis", "hunter2\n");
    write("sentinel", "hunter3");
    write("zookeeper", "me:hunter4\n");
    write("kafka", "hunter5");
    let text = format!(
        r#"
        kafka.brokers = ["b:1"]
        kafka.properties."sasl.password_file" = {:?}
        redis = {{ url = "redis://me@r:6379", password_file = {:?}, sentinels = ["s:1"], sentinel_password_file = {:?} }}
        zookeeper = {{ hosts = ["z:1"], auth_scheme = "digest", auth_file = {:?} }}
        "#,
        path("kafka"),
        path("redis"),
        path("sentinel"),
        path("zookeeper")
    );
    let check = |text: &str, variables: &[(&str, &str)]| {
        let config = good(text, variables, &[]);
        let (redis, kafka) = (config.redis.unwrap(), config.kafka.unwrap());
        let sentinel = redis.sentinels.unwrap().password.unwrap();
        let zookeeper = config.zookeeper.unwrap().auth.unwrap().1;
        assert_eq!(kafka.secret_files["sasl.password"].read().unwrap(), "hunter5");
        assert_eq!(sentinel.read().unwrap().expose(), "hunter3");
        assert_eq!(zookeeper.read().unwrap().expose(), "me:hunter4");
        let password = redis.password_file.unwrap();
        assert_eq!(password.read().unwrap(), "hunter2");
        password
    };
    let password = check(&text, &[]);
    write("redis", "hunter6");
    assert_eq!(password.read().unwrap(), "hunter6");
    write("redis", "hunter2");
    let variables = [
        ("RECSYS_KAFKA_BROKERS", "b:1"),
        ("RECSYS_KAFKA_PROPERTIES_SASL_PASSWORD_FILE", &path("kafka")),
        ("RECSYS_REDIS_URL", "redis://me@r:6379"),
        ("RECSYS_REDIS_PASSWORD_FILE", &path("redis")),
        ("RECSYS_REDIS_SENTINELS", "s:1,s:2"),
        ("RECSYS_REDIS_SENTINEL_PASSWORD_FILE", &path("sentinel")),
        ("RECSYS_ZOOKEEPER_HOSTS", "z:1"),
        ("RECSYS_ZOOKEEPER_AUTH_SCHEME", "digest"),
        ("RECSYS_ZOOKEEPER_AUTH_FILE", &path("zookeeper")),
    ];
    check("", &variables);
    write("redis", "\n");
    let missing = path("none");
    let redis = format!("redis = {{ url = \"redis://r\", password_file = {:?} }}", path("redis"));
    let told = format!("f.toml:1: redis.password_file = {:?}: is empty", path("redis"));
    check_told(&redis, &told);
    write("redis", "hunter2");
    check_told(
        &redis.replace("redis://r", "redis://:x@r"),
        "f.toml:1: redis.url = \"redis://:***@r\": must have no password beside redis.password_file",
    );
    check_told(
        &format!("redis = {{ url = \"redis://r\", password_file = {missing:?} }}"),
        &format!(
            "f.toml:1: redis.password_file = {missing:?}: cannot be read: No such file or directory (os error 2)"
        ),
    );
    check_told(
        &format!(
            "zookeeper = {{ hosts = [\"z:1\"], auth_scheme = \"digest\", auth = \"a:b\", auth_file = {:?} }}",
            path("zookeeper")
        ),
        "f.toml:1: zookeeper.auth = \"***\": must not be set beside zookeeper.auth_file",
    );
    check_told(
        &format!(
            "kafka.properties = {{ \"sasl.password\" = \"a\", \"sasl.password_file\" = {:?} }}",
            path("kafka")
        ),
        "f.toml:1: kafka.properties.sasl.password = \"***\": must not be set beside \
         kafka.properties.sasl.password_file",
    );
    check_told(
        &format!("kafka.properties.\"sasl.pasword_secret_file\" = {:?}", path("kafka")),
        &format!(
            "f.toml:1: kafka.properties.sasl.pasword_secret_file = {:?}: librdkafka has no such property",
            path("kafka")
        ),
    );
}

/// What is told first of a bad file.
fn check_told(text: &str, told: &str) {
    let error = layers(text, &[], &[]).check().expect_err(text).to_string();
    assert_eq!(error.lines().next(), Some(told), "{text}");
}

#[test]
fn sentinels_and_certificates_come_with_what_they_need() {
    check_told(
        "redis.sentinels = [\"s:1\"]",
        "f.toml:1: redis.sentinels = [\"s:1\"]: need redis.url, for the login and the database",
    );
    check_told(
        "redis.cluster = [\"c:1\"]",
        "f.toml:1: redis.cluster = [\"c:1\"]: needs redis.url, for the login",
    );
    check_told(
        "redis = { url = \"redis://r\", sentinels = [\"s:1\"], cluster = [\"c:1\"] }",
        "f.toml:1: redis.cluster = [\"c:1\"]: must not be set beside redis.sentinels",
    );
    check_told(
        "redis = { url = \"redis://r/2\", cluster = [\"c:1\"] }",
        "f.toml:1: redis.url = \"redis://r/2\": must name no database but 0 beside redis.cluster",
    );
    check_told(
        "redis = { url = \"redis://r\", sentinel_password = \"x\" }",
        "f.toml:1: redis.sentinel_password = \"***\": needs redis.sentinels",
    );
    check_told(
        "redis = { url = \"redis://r\", sentinels = [\"s:1\"], sentinel_user = \"x\" }",
        "f.toml:1: redis.sentinel_user = \"x\": needs redis.sentinel_password, or its file",
    );
    check_told(
        "zookeeper = { hosts = [\"z:1\"], cert_file = \"a\", key_file = \"b\" }",
        "f.toml:1: zookeeper.cert_file = \"a\": needs zookeeper.ca_file, by which there is TLS",
    );
    check_told(
        "zookeeper = { hosts = [\"z:1\"], ca_file = \"a\", key_file = \"b\" }",
        "default: zookeeper.cert_file = \"\": must come with zookeeper.key_file, and it with this",
    );
    check_told(
        "zookeeper = { hosts = [\"a/b:1\", \"z z:1\"], ca_file = \"a\" }",
        "f.toml:1: zookeeper.hosts = [\"a/b:1\", \"z z:1\"]: must be host:port, which \"a/b:1\" is not",
    );
    check_told(
        "zookeeper = { hosts = [\"a!b:1\"], ca_file = \"a\" }",
        "f.toml:1: zookeeper.hosts = [\"a!b:1\"]: must be names or addresses that a certificate may be of, which \
         \"a!b:1\" is not",
    );
    let text = "redis = { url = \"redis://:x@r\", sentinels = [\"s:1\", \"t:2\"] }";
    let redis = good(text, &[], &[]).redis.unwrap();
    assert_eq!(redis.shown_url(), "redis://:***@r, mymaster of s:1,t:2");
    let text = "redis = { url = \"redis://:x@r\", cluster = [\"c:1\", \"d:2\"] }";
    let redis = good(text, &[], &[]).redis.unwrap();
    assert_eq!(redis.shown_url(), "redis://:***@r, a cluster of c:1,d:2");
    let text = "zookeeper = { hosts = [\"[::1]:1\", \"z_1.shop:1\"], ca_file = \"a\" }";
    assert_eq!(good(text, &[], &[]).zookeeper.unwrap().tls.unwrap().ca_file, Path::new("a"));
}

#[test]
fn the_fingerprint_is_of_what_a_cluster_shares() {
    let of = |text: &str| good(text, &[], &[]).fingerprint();
    let cluster = "hosts = [\"a:1\", \"b:1\"]\n";
    let base = of(cluster);
    for same in ["process = 1\n", "http.listen = \"127.0.0.1:1\"\n", "files.dir = \"x\"\n"] {
        assert_eq!(of(&format!("{same}{cluster}")), base, "{same}");
    }
    for other in [
        "workers = 3\n",
        "views.mode = \"profile\"\n",
        "kafka.brokers = [\"b:1\"]\n",
        "grading.share = 0.04\n",
        "ranking.learning = \"propose\"\n",
    ] {
        assert_ne!(of(&format!("{other}{cluster}")), base, "{other}");
    }
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let missing = Path::new("no-such-folder/workers.toml");
    assert!(matches!(Layers::default().file(Some(missing)), Err(ConfigError::Unreadable { .. })));
    let told = Layers::default().text(Path::new(FILE), "a = 1\nb = = 2").unwrap_err().to_string();
    assert!(told.starts_with("f.toml:2: not TOML: "), "{told}");
}
