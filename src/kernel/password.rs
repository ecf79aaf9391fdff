//! Passwords as they are kept: argon2id with the costs OWASP asks for (19 MiB, two passes). Slow on purpose: never on a thread
//! that serves others.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

/// What a password is compared with where there is none, so that the answer takes as long: a hash of random bytes nobody kept.
pub const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$pQ3jvSMcLJgOKBtkG1DHgA$k1jQn9lK4cQ3H1m0Zb3bQ7Tn9rD0w1m5q8uXyY2zA1E";

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// A new hash with a salt of its own; `None` only where the machine gives no random bytes.
#[must_use]
pub fn hash(password: &str) -> Option<String> {
    let hash: PasswordHash = argon2().hash_password(password.as_bytes()).ok()?;
    Some(hash.to_string())
}

/// Whether `hash` was made of `password`. A hash that cannot be read is nobody's.
#[must_use]
pub fn is_of(hash: &str, password: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_and_no_two_hashes_are_alike() {
        let (one, other) = (hash("correct horse").expect("hashed"), hash("correct horse").expect("hashed"));
        assert_ne!(one, other);
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !one.contains("horse"));
        assert!(is_of(&one, "correct horse") && is_of(&other, "correct horse"));
        assert!(!is_of(&one, "correct horsf") && !is_of(&one, "") && !is_of("", "") && !is_of("odd", "odd"));
    }

    #[test]
    fn nobodys_hash_costs_what_every_hash_costs() {
        let (ours, nobodys) = (hash("x").expect("hashed"), NOBODYS);
        let costs = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(costs(nobodys), costs(&ours));
        let parsed =
            PasswordHash::new(nobodys).expect("a hash that can be read, or nothing would be computed");
        assert_eq!(
            parsed.hash.map(|hash| hash.len()),
            PasswordHash::new(&ours).expect("read").hash.map(|h| h.len())
        );
        assert!(!is_of(nobodys, ""));
    }
}
