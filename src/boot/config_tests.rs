use super::*;

fn good() -> Env {
    [
        ("SALONBRIDGE_PUBLIC_URL", "https://bridge.example.test/"),
        ("YCLIENTS_PARTNER_TOKEN", "partner"),
        ("YCLIENTS_USER_TOKEN", "user"),
        ("YCLIENTS_APPLICATION_ID", "4242"),
        ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("ENCRYPTION_KEY", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into()
}

fn problems(env: &Env) -> Vec<String> {
    Config::from_env(env).err().unwrap_or_default()
}

#[test]
fn the_least_that_is_needed_is_enough() {
    let config = Config::from_env(&good()).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(config.public_url, "https://bridge.example.test");
    assert_eq!(config.database_url, "sqlite:data/salonbridge.db");
    assert!(config.warnings.is_empty());
}

#[test]
fn all_problems_are_reported_at_once() {
    let mut env = good();
    env.remove("YCLIENTS_PARTNER_TOKEN");
    env.insert("JWT_SECRET".into(), "hunter2".into());
    env.insert("YCLIENTS_APPLICATION_ID".into(), "x".into());
    env.insert("ENCRYPTION_KEY".into(), "zz".into());
    env.insert("SALONBRIDGE_PUBLIC_URL".into(), "http://bridge.example.test".into());
    env.insert("DATABASE_URL".into(), "mysql://x".into());
    let found = problems(&env);
    for name in [
        "YCLIENTS_PARTNER_TOKEN",
        "JWT_SECRET",
        "YCLIENTS_APPLICATION_ID",
        "ENCRYPTION_KEY",
        "PUBLIC_URL",
        "DATABASE_URL",
    ] {
        assert!(found.iter().any(|p| p.contains(name)), "{name}: {found:?}");
    }
    assert!(found.iter().all(|p| !p.contains("hunter2")), "a secret is not repeated: {found:?}");
}

#[test]
fn an_operators_token_that_can_be_guessed_and_rules_that_make_no_sense_are_refused() {
    let mut env = good();
    env.insert("SALONBRIDGE_OPERATOR_TOKEN".into(), "let me in".into());
    env.insert("SALONBRIDGE_RULES".into(), "settle_ms = 300\npacing.speed = 9".into());
    let found = problems(&env);
    assert!(found.iter().any(|p| p.contains("SALONBRIDGE_OPERATOR_TOKEN") && p.contains("32")), "{found:?}");
    assert!(found.iter().any(|p| p.contains("SALONBRIDGE_RULES")), "{found:?}");
    assert!(found.iter().all(|p| !p.contains("let me in")), "a secret is not repeated: {found:?}");
    env.insert("SALONBRIDGE_OPERATOR_TOKEN".into(), "0123456789abcdef0123456789abcdef".into());
    env.insert("SALONBRIDGE_RULES".into(), "settle_ms = 300\npacing.is_on = false".into());
    assert!(problems(&env).is_empty(), "{:?}", problems(&env));
}

#[test]
fn misspelt_names_are_refused_with_what_was_meant() {
    let mut env = good();
    env.insert("SALONBRIDGE_LISTNE".into(), "0.0.0.0:1".into());
    assert!(problems(&env)[0].contains("Did you mean SALONBRIDGE_LISTEN"), "{:?}", problems(&env));
}

#[test]
fn secrets_come_from_files_too_and_are_never_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jwt");
    std::fs::write(&path, "fedcba9876543210fedcba9876543210\n").expect("written");
    let mut env = good();
    env.remove("JWT_SECRET");
    env.insert("JWT_SECRET_FILE".into(), path.display().to_string());
    assert!(
        problems(&env).is_empty() || !problems(&env)[0].contains("no such setting"),
        "{:?}",
        problems(&env)
    );
    let config = Config::from_env(&env).unwrap_or_else(|p| panic!("{p:?}"));
    assert_eq!(config.jwt_secret.expose(), "fedcba9876543210fedcba9876543210");
    let printed = print(&good());
    for secret in ["partner\n", "0123456789abcdef", "00112233"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn the_template_names_every_setting() {
    let text = example();
    assert!(SETTINGS.iter().all(|s| text.contains(&format!("{}=", s.name))));
}
