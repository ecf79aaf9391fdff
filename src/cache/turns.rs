//! Turns to call YClients, shared by all nodes: the sliding windows of one address, kept in one Redis list.

use std::time::Duration;

use redis::Script;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

/// Gives the next turn by Redis' own clock and answers how many milliseconds from now it is. The list holds the last turns given;
/// the newest may lie ahead. `ARGV`: per second, its window in ms, per minute, its window in ms.
const RESERVE: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local turn = math.max(now, tonumber(redis.call('GET', KEYS[2]) or 0))
local function after(back, window)
  local given = redis.call('LINDEX', KEYS[1], -back)
  if given then turn = math.max(turn, tonumber(given) + window) end
end
after(tonumber(ARGV[1]), tonumber(ARGV[2]))
after(tonumber(ARGV[3]), tonumber(ARGV[4]))
after(1, 0)
redis.call('RPUSH', KEYS[1], turn)
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[3]), -1)
redis.call('PEXPIRE', KEYS[1], turn - now + 2 * tonumber(ARGV[4]))
return turn - now
";

const HOLD: &str = r"
local time = redis.call('TIME')
local ends = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[1])
if ends > tonumber(redis.call('GET', KEYS[1]) or 0) then redis.call('SET', KEYS[1], ends, 'PX', ARGV[1]) end
return 0
";

/// How long Redis may take before a node goes by its own count.
const PATIENCE: Duration = Duration::from_millis(500);

/// What an address may do: so many calls in each of two windows.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub per_second: usize,
    pub second: Duration,
    pub per_minute: usize,
    pub minute: Duration,
}

#[derive(Clone)]
pub struct Turns {
    connection: ConnectionManager,
    /// Nodes that share an address share this name.
    name: String,
    budget: Budget,
}

impl Turns {
    pub async fn connect(url: &str, name: &str, budget: Budget) -> Result<Self, redis::RedisError> {
        let patience = ConnectionManagerConfig::new()
            .set_response_timeout(Some(PATIENCE))
            .set_connection_timeout(Some(PATIENCE));
        let connection = redis::Client::open(url)?.get_connection_manager_with_config(patience).await?;
        Ok(Self { connection, name: name.to_owned(), budget })
    }

    /// How long to wait for the turn that was just given.
    pub async fn reserve(&self) -> Result<Duration, redis::RedisError> {
        let ms = |window: Duration| u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        let wait: u64 = Script::new(RESERVE)
            .key(format!("{}:turns", self.name))
            .key(format!("{}:held", self.name))
            .arg(self.budget.per_second)
            .arg(ms(self.budget.second))
            .arg(self.budget.per_minute)
            .arg(ms(self.budget.minute))
            .invoke_async(&mut self.connection.clone())
            .await?;
        Ok(Duration::from_millis(wait))
    }

    /// No turn for anybody for so long.
    pub async fn hold(&self, span: Duration) -> Result<(), redis::RedisError> {
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut connection = self.connection.clone();
        let _: i64 = Script::new(HOLD)
            .key(format!("{}:held", self.name))
            .arg(ms)
            .invoke_async(&mut connection)
            .await?;
        Ok(())
    }
}
