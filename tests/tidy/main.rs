//! The house keeps its own rules: floors, file lengths, where libraries may be named, tenants in every statement.

use std::path::{Path, PathBuf};

use salonbridge::storage::sql;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, with its path from the root and its text.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            found.push((name, std::fs::read_to_string(&path).expect("text")));
        }
    }
    assert!(!found.is_empty(), "{folder} has no files");
    found
}

/// The floor a file stands on, by its first folder (or its own name, for the door).
fn floor(file: &str) -> &str {
    let rest = file.strip_prefix("src/").expect("in src");
    rest.split(['/', '.']).next().expect("a name")
}

#[test]
fn a_floor_uses_only_what_is_below_it() {
    let may: &[(&str, &[&str])] = &[
        ("kernel", &[]),
        ("domain", &["kernel"]),
        ("storage", &["kernel", "domain"]),
        ("yclients", &["kernel", "domain"]),
        ("whatsapp", &["kernel", "domain"]),
        ("cache", &["kernel"]),
        ("alarm", &["kernel"]),
        ("app", &["kernel", "domain", "storage", "yclients", "whatsapp", "cache", "alarm"]),
        ("views", &["kernel", "domain"]),
        ("jobs", &["kernel", "domain", "app", "storage"]),
        ("live", &["kernel", "domain", "app", "views"]),
        // The door's wire readers are shared with the client: a token of the page comes in the body like a hook's numbers.
        ("web", &["kernel", "domain", "app", "views", "live", "storage", "yclients"]),
    ];
    for (file, text) in files("src") {
        let here = floor(&file);
        let Some((_, allowed)) = may.iter().find(|(name, _)| *name == here) else { continue };
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for used in line.split("crate::").skip(1) {
                let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                let known = may.iter().any(|(name, _)| *name == used) || ["boot", "cli"].contains(&used);
                let fine = used == here || allowed.contains(&used) || !known;
                assert!(fine, "{file}:{}: {here} may not use {used}", number + 1);
            }
        }
    }
}

#[test]
fn each_library_is_named_only_where_it_belongs() {
    let homes: &[(&str, &[&str])] = &[
        ("sqlx::", &["storage"]),
        ("axum::", &["web", "live", "boot"]),
        ("whatsapp_rust", &["whatsapp"]),
        ("wacore", &["whatsapp"]),
        ("reqwest::", &["yclients", "whatsapp", "alarm", "boot"]),
        ("redis::", &["cache"]),
        ("askama", &["views"]),
        ("socketioxide", &["live"]),
        ("std::env::", &["boot"]),
        ("fail::", &["kernel"]),
    ];
    for (file, text) in files("src") {
        if file.ends_with("tests.rs") {
            continue;
        }
        for (library, allowed) in homes {
            let named =
                text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(library));
            assert!(!named || allowed.contains(&floor(&file)), "{file} may not name {library}");
        }
    }
}

#[test]
fn each_failpoint_stands_in_one_place_and_is_known() {
    let mut passed: Vec<String> = Vec::new();
    for (_, text) in files("src") {
        passed.extend(
            text.split("failpoint!(\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())),
        );
    }
    passed.sort();
    let mut known = salonbridge::kernel::failpoint::NAMES.map(str::to_owned);
    known.sort();
    assert_eq!(passed, known);
}

#[test]
fn every_file_fits_in_the_head() {
    for folder in ["src", "sandbox/src", "sandbox/tests", "tests", "bench/src", "prove/src"] {
        for (file, text) in files(folder) {
            let lines = text.lines().count();
            assert!(lines <= 400, "{file} has {lines} lines: split it by what it does");
        }
    }
}

#[test]
fn pages_never_begin_a_unit_of_work_and_no_test_is_left_out() {
    for (file, text) in files("src/web") {
        assert!(!text.contains(".begin("), "{file}: writing belongs to the use cases");
    }
    let mark = concat!("#[ign", "ore");
    for folder in ["src", "sandbox", "tests", "bench", "prove"] {
        for (file, text) in files(folder) {
            assert!(!text.contains(mark), "{file}: a test that is never run proves nothing");
        }
    }
}

#[test]
fn a_decision_is_written_only_with_a_reason_that_has_words() {
    let mut found = Vec::new();
    for (file, text) in files("src") {
        if text.contains("decision::insert(") && !file.starts_with("src/storage/") {
            found.push(file);
        }
    }
    assert_eq!(
        found,
        ["src/app/why.rs"],
        "its `note` takes reasons of the register, `domain::why`, and nothing else"
    );
}

#[test]
fn every_statement_on_a_tenants_rows_names_the_tenant() {
    let tenants_own = [
        "service",
        "service_category",
        "staff",
        "schedule",
        "sync_progress",
        "sync_run",
        "hook_check",
        "inbox",
        "record",
        "decision",
        "outbox",
        "wa_session",
        "session_lease",
        "pairing",
        "wa_value",
        "chat",
        "pace",
        "client",
        "client_word",
        "ledger_posting",
        "ledger_line",
        "login",
        "sitting",
        "sign_in",
        "client_sitting",
        "booking_form",
    ];
    // Across tenants on purpose, each for the reason that stands beside it in storage.
    let platform = [
        "DELETE FROM inbox WHERE id IN",
        "DELETE FROM outbox WHERE id IN",
        "DELETE FROM decision WHERE id IN",
        "DELETE FROM sync_run WHERE id IN",
        "SELECT tenant_id FROM wa_session WHERE phone_hash",
        "SELECT s.tenant_id FROM wa_session",
        "SELECT state, CAST(COUNT(*) AS BIGINT) FROM wa_session",
        // Who signs in says who they are, and with it which company is theirs.
        "SELECT * FROM login WHERE email_hash",
        "SELECT * FROM login WHERE invitation",
        "SELECT * FROM sitting WHERE id",
        "DELETE FROM sitting WHERE id",
        "SELECT * FROM client_sitting WHERE id",
        "DELETE FROM client_sitting WHERE id",
    ];
    let mut looked = 0;
    for (file, statement) in sql::all() {
        let words: Vec<&str> = statement.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let touches = words
            .windows(2)
            .any(|w| ["FROM", "INTO", "UPDATE", "JOIN"].contains(&w[0]) && tenants_own.contains(&w[1]));
        if !touches || platform.iter().any(|allowed| statement.starts_with(allowed)) {
            continue;
        }
        assert!(statement.contains("tenant_id"), "{file}: {statement}");
        looked += 1;
    }
    assert!(looked > 40, "only {looked} statements looked at");
}

#[test]
fn every_storage_function_is_called_by_the_contracts_beside_it() {
    let all = files("src/storage");
    let mut looked = 0;
    for (file, text) in &all {
        // The register of statements is read by the test above and prepared on both engines in tests/trip.
        if file.ends_with("_tests.rs") || file.ends_with("/sql.rs") {
            continue;
        }
        let stem = file.replace(".rs", "_");
        let beside = all.iter().filter(|(name, _)| name.starts_with(&stem) && name.ends_with("_tests.rs"));
        let contracts: String = beside.map(|(_, text)| text.as_str()).collect();
        for name in text.lines().filter_map(|line| line.trim_start().strip_prefix("pub async fn ")) {
            let name = name.split(['(', '<']).next().expect("a name");
            assert!(contracts.contains(&format!("{name}(")), "{file}: no contract calls {name}");
            looked += 1;
        }
    }
    assert!(looked > 80, "only {looked} functions looked at");
}
