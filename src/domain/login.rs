//! A login: a person who uses our pages, what they may do there, and how long somebody who guesses has to wait.

use super::timeline::Eye;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{LoginId, TenantId};

/// What a person is to the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs the product; sees all companies, but not what they write to whom.
    Operator,
    /// Answers for one company.
    Owner,
    /// Works at one company's desk.
    Receptionist,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Operator, Self::Owner, Self::Receptionist];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Owner => "owner",
            Self::Receptionist => "receptionist",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether this one may invite, and switch off, another in a company that is theirs to see.
    #[must_use]
    pub fn may_manage(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Operator, Self::Owner | Self::Receptionist) | (Self::Owner, Self::Receptionist)
        )
    }

    /// Whether the team's page is theirs at all.
    #[must_use]
    pub fn has_team(self) -> bool {
        self != Self::Receptionist
    }

    /// Whether this one has clients before them: spends their bonuses, and says whose a record is. An operator sees no names, so
    /// could not know.
    #[must_use]
    pub fn serves_clients(self) -> bool {
        self != Self::Operator
    }

    /// Whether this one may have the journal read.
    #[must_use]
    pub fn may_sync(self) -> bool {
        self != Self::Receptionist
    }

    #[must_use]
    pub fn eye(self) -> Eye {
        match self {
            Self::Operator => Eye::Operator,
            Self::Owner | Self::Receptionist => Eye::Salon,
        }
    }
}

/// A person as our pages show them.
#[derive(Debug, Clone)]
pub struct Login {
    pub id: LoginId,
    /// None for operators.
    pub tenant: Option<TenantId>,
    pub role: Role,
    pub email: String,
    /// May be empty.
    pub name: String,
    pub has_password: bool,
    pub has_totp: bool,
    /// A link to set a password is good until then.
    pub invited_until: Option<UnixMs>,
    pub is_off: bool,
    pub seen_at: Option<UnixMs>,
}

impl Login {
    /// Whether this person may look at a company.
    #[must_use]
    pub fn sees(&self, tenant: &TenantId) -> bool {
        self.role == Role::Operator || self.tenant.as_ref() == Some(tenant)
    }

    /// What they are called on a page.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.name.is_empty() { &self.email } else { &self.name }
    }
}

/// A sitting that shows no sign of life for so long is over; and none is longer than this.
pub const IDLE_MS: i64 = 12 * 3_600_000;
pub const LONGEST_MS: i64 = 14 * 24 * 3_600_000;

#[must_use]
pub fn is_over(created: UnixMs, seen: UnixMs, now: UnixMs) -> bool {
    now.since(seen) >= IDLE_MS || now.since(created) >= LONGEST_MS
}

/// A link that sets a password is good for so long.
pub const INVITED_MS: i64 = 48 * 3_600_000;

/// Failures in a row that cost nothing: a person mistypes; behind one address a whole salon may sit.
pub const FREE_FOR_LOGIN: i64 = 4;
pub const FREE_FOR_ADDRESS: i64 = 19;
/// After so long a quiet the count begins anew.
pub const FORGET_MS: i64 = 24 * 3_600_000;

const FIRST_REST_MS: i64 = 30_000;
const LONGEST_REST_MS: i64 = 15 * 60_000;

/// How long nothing more is looked at after so many failures in a row: twice as long each time, up to a bound, for whoever
/// guesses also keeps out the person whose login it is.
#[must_use]
pub fn rest_ms(failures: i64, free: i64) -> i64 {
    if failures <= free {
        return 0;
    }
    let doublings = (failures - free - 1).min(10);
    (FIRST_REST_MS << doublings).min(LONGEST_REST_MS)
}

/// An e-mail address as it is compared: whoever types capitals is the same person. `None` for what cannot be one.
#[must_use]
pub fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (name, host) = text.rsplit_once('@')?;
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"(),;:\\".contains(c);
    let good = !name.is_empty()
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !host.contains("..")
        && text.len() <= 254
        && text.chars().all(plain);
    good.then(|| text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_manage_whom() {
        let managed =
            |by: Role| Role::ALL.into_iter().filter(|role| by.may_manage(*role)).collect::<Vec<_>>();
        assert_eq!(managed(Role::Operator), [Role::Owner, Role::Receptionist]);
        assert_eq!(managed(Role::Owner), [Role::Receptionist]);
        assert_eq!(managed(Role::Receptionist), []);
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(role.eye() == Eye::Operator, role == Role::Operator);
            assert_eq!(
                role.serves_clients(),
                role.eye() == Eye::Salon,
                "who does not see clients does not serve them"
            );
            assert_eq!(role.may_sync(), role != Role::Receptionist);
        }
    }

    #[test]
    fn rests_grow_and_end() {
        let rests: Vec<_> = (4..=12).map(|failures| rest_ms(failures, FREE_FOR_LOGIN) / 1000).collect();
        assert_eq!(rests, [0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(rest_ms(i64::MAX, FREE_FOR_ADDRESS), LONGEST_REST_MS);
        assert_eq!((rest_ms(19, FREE_FOR_ADDRESS), rest_ms(20, FREE_FOR_ADDRESS)), (0, FIRST_REST_MS));
    }

    #[test]
    fn a_sitting_ends_when_idle_and_at_the_latest_after_two_weeks() {
        let began = UnixMs(1_000);
        assert!(!is_over(began, began, began.plus_ms(IDLE_MS - 1)));
        assert!(is_over(began, began, began.plus_ms(IDLE_MS)));
        let late = began.plus_ms(LONGEST_MS);
        assert!(!is_over(began, late.plus_ms(-1), late.plus_ms(-1)) && is_over(began, late, late));
    }

    #[test]
    fn addresses_are_read_as_people_type_them() {
        assert_eq!(email(" Anna@Iris.Example ").as_deref(), Some("anna@iris.example"));
        assert_eq!(email("анна@ирис.рф").as_deref(), Some("анна@ирис.рф"));
        for wrong in [
            "",
            "anna",
            "anna@",
            "@iris.example",
            "anna@iris",
            "a b@iris.example",
            "a@.iris.example",
            "a@b..c",
        ] {
            assert_eq!(email(wrong), None, "{wrong}");
        }
        assert_eq!(email(&format!("{}@iris.example", "a".repeat(254))), None);
    }
}
