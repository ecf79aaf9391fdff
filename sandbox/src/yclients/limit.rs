//! 200 requests a minute and 5 a second, per address.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use chrono::{DateTime, TimeDelta, Utc};

/// Loopback has few addresses; more than this means somebody plays with them.
const ADDRESSES_KEPT: usize = 1_024;

#[derive(Debug, Default)]
pub struct Limiter {
    seen: HashMap<IpAddr, VecDeque<DateTime<Utc>>>,
}

impl Limiter {
    /// Counts the request unless it is one too many. A refused one does not count.
    pub fn admit(&mut self, from: IpAddr, now: DateTime<Utc>, per_minute: usize, per_second: usize) -> bool {
        if self.seen.len() > ADDRESSES_KEPT {
            self.seen.clear();
        }
        let times = self.seen.entry(from).or_default();
        // A clock that was set back leaves times in the future: they would count for ever.
        times.retain(|t| *t <= now && now - *t < TimeDelta::seconds(60));
        let in_second = times.iter().rev().take_while(|t| now - **t < TimeDelta::seconds(1)).count();
        if times.len() >= per_minute || in_second >= per_second {
            return false;
        }
        times.push_back(now);
        true
    }

    pub fn clear(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use chrono::{DateTime, TimeDelta};

    use super::Limiter;

    #[test]
    fn five_a_second_and_two_hundred_a_minute() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut limiter = Limiter::default();
        let start = DateTime::UNIX_EPOCH;
        let admitted = (0..10).filter(|_| limiter.admit(ip, start, 200, 5)).count();
        assert_eq!(admitted, 5);
        let mut in_minute = admitted;
        for step in 1..59 {
            let at = start + TimeDelta::seconds(step);
            in_minute += (0..10).filter(|_| limiter.admit(ip, at, 200, 5)).count();
        }
        assert_eq!(in_minute, 200);
        assert!(limiter.admit(ip, start + TimeDelta::seconds(121), 200, 5));
    }
}
