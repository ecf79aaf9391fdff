//! Turns to call YClients, shared by all nodes: what `kernel/turns.rs` decides, decided by one script in Redis.

use std::time::Duration;

use redis::Script;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use crate::kernel::secret::random_hex;
use crate::kernel::turns::{Answer, Budget, GRACE_MS, LATE_MS, PATIENCE, SPARE, Urgency};

/// The same as `Windows::ask`, by Redis' own clock. `KEYS`: turns given, background turns, state (held, yield, passed), nodes, the
/// name of this memory. Answers what, its time, the time now, the nodes heard of in the last hour, and that name: another one than
/// before means that Redis forgot.
const ASK: &str = r"
local per_second, second, per_minute, minute = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local own_per_second, own_per_minute = tonumber(ARGV[5]), tonumber(ARGV[6])
local grace, late, patience, spare = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local urgent, place, node, now = ARGV[11] == 'urgent', ARGV[12], ARGV[13], tonumber(ARGV[14])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
redis.call('ZADD', KEYS[4], now, node)
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - 3600000)
redis.call('PEXPIRE', KEYS[4], 3600000)
local nodes = redis.call('ZCARD', KEYS[4])
redis.call('SET', KEYS[5], ARGV[15], 'NX')
redis.call('PEXPIRE', KEYS[5], 3600000)
local memory = redis.call('GET', KEYS[5])
local function number(key) return string.format('%.0f', key) end
local function answer(what, at) return { what, number(at), number(now), nodes, memory } end
local last = redis.call('LINDEX', KEYS[1], -1)
if last and tonumber(last) > now + 2 * minute then redis.call('DEL', KEYS[1], KEYS[2], KEYS[3]) end
local held = tonumber(redis.call('HGET', KEYS[3], 'held') or 0)
if place ~= '' and redis.call('LPOS', KEYS[1], place) then
  local at = tonumber(place)
  if at > now and held <= at then return answer('place', at) end
  if held <= now and now - at <= late then return answer('turn', at) end
  redis.call('LREM', KEYS[1], -1, place)
  if not urgent then redis.call('LREM', KEYS[2], -1, place) end
end
local function after(key, share, window)
  local given = redis.call('LINDEX', key, -share)
  return given and tonumber(given) + window or 0
end
local function give(key, turn, share)
  redis.call('RPUSH', key, number(turn))
  redis.call('LTRIM', key, -(share + spare), -1)
  redis.call('PEXPIRE', key, turn - now + 2 * minute)
end
local function note(field, value)
  redis.call('HSET', KEYS[3], field, number(value))
  redis.call('PEXPIRE', KEYS[3], math.max(held - now, 0) + 2 * minute)
end
local turn = math.max(now, held, after(KEYS[1], per_second, second), after(KEYS[1], per_minute, minute), after(KEYS[1], 1, 0))
if urgent then
  if turn - now > second then return answer('later', turn - second) end
  give(KEYS[1], turn, per_minute)
  if redis.call('HEXISTS', KEYS[3], 'passed') == 1 then redis.call('HINCRBY', KEYS[3], 'passed', 1) end
  if turn == now then return answer('turn', turn) end
  note('yield', turn + grace)
  return answer('place', turn)
end
local own = math.max(after(KEYS[2], own_per_second, second), after(KEYS[2], own_per_minute, minute))
local overdue = tonumber(redis.call('HGET', KEYS[3], 'passed') or 0) >= patience
local free = math.max(turn, own)
if not overdue then free = math.max(free, tonumber(redis.call('HGET', KEYS[3], 'yield') or 0)) end
local ahead = overdue and own <= turn and turn - now <= second
if free > now and not ahead then
  if redis.call('HEXISTS', KEYS[3], 'passed') == 0 then note('passed', 0) end
  return answer('later', math.min(free, now + second))
end
give(KEYS[1], turn, per_minute)
give(KEYS[2], turn, own_per_minute)
redis.call('HDEL', KEYS[3], 'passed')
if turn == now then return answer('turn', turn) end
return answer('place', turn)
";

const GIVE_BACK: &str = r"
redis.call('LREM', KEYS[1], -1, ARGV[1])
if ARGV[2] ~= 'urgent' then redis.call('LREM', KEYS[2], -1, ARGV[1]) end
return 0
";

/// `KEYS[1]`: state. `ARGV`: how long, and the time now or nothing.
const HOLD: &str = r"
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local ends = now + tonumber(ARGV[1])
if ends > tonumber(redis.call('HGET', KEYS[1], 'held') or 0) then
  redis.call('HSET', KEYS[1], 'held', string.format('%.0f', ends))
  redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[1]) + 1000))
end
return 0
";

/// Adds turns that Redis does not know, or no longer. `KEYS[1]`: turns given. `ARGV`: how long a turn is remembered, how long ago
/// each was.
const RECORD: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local given = redis.call('LRANGE', KEYS[1], 0, -1)
for index = 2, #ARGV do given[#given + 1] = string.format('%.0f', now - tonumber(ARGV[index])) end
table.sort(given, function(a, b) return tonumber(a) < tonumber(b) end)
redis.call('DEL', KEYS[1])
for _, turn in ipairs(given) do redis.call('RPUSH', KEYS[1], turn) end
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[1]))
return #given
";

/// How long Redis may take before it counts as gone.
const PATIENCE_WITH_REDIS: Duration = Duration::from_millis(500);

/// What Redis said, and when by its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub answer: Answer,
    pub now: i64,
    /// Nodes that asked within the last hour.
    pub nodes: usize,
    /// Another than before: Redis forgot what was given.
    pub memory: String,
}

#[derive(Clone)]
pub struct Turns {
    connection: ConnectionManager,
    /// Nodes that share an address share this name.
    name: String,
    /// This node, among those.
    node: String,
    pub budget: Budget,
}

impl Turns {
    pub async fn connect(
        url: &str,
        name: &str,
        node: String,
        budget: Budget,
    ) -> Result<Self, redis::RedisError> {
        let patience = ConnectionManagerConfig::new()
            // Who asks tries again itself, and must soon know that it is alone.
            .set_number_of_retries(0)
            .set_response_timeout(Some(PATIENCE_WITH_REDIS))
            .set_connection_timeout(Some(PATIENCE_WITH_REDIS));
        let connection = redis::Client::open(url)?.get_connection_manager_with_config(patience).await?;
        Ok(Self { connection, name: name.to_owned(), node, budget })
    }

    pub async fn ask(&self, urgency: Urgency, place: Option<i64>) -> Result<Reply, redis::RedisError> {
        self.ask_at(urgency, place, None).await
    }

    /// By Redis' clock, or at a time of the caller's.
    async fn ask_at(
        &self,
        urgency: Urgency,
        place: Option<i64>,
        now: Option<i64>,
    ) -> Result<Reply, redis::RedisError> {
        let budget = &self.budget;
        let (what, at, now, nodes, memory): (String, i64, i64, usize, String) = Script::new(ASK)
            .key(self.key("turns"))
            .key(self.key("background"))
            .key(self.key("state"))
            .key(self.key("nodes"))
            .key(self.key("memory"))
            .arg(budget.per_second)
            .arg(budget.second_ms)
            .arg(budget.per_minute)
            .arg(budget.minute_ms)
            .arg(budget.background_per_second)
            .arg(budget.background_per_minute)
            .arg(GRACE_MS)
            .arg(LATE_MS)
            .arg(PATIENCE)
            .arg(SPARE)
            .arg(urgency.as_str())
            .arg(place.map_or_else(String::new, |place| place.to_string()))
            .arg(&self.node)
            .arg(now.map_or_else(String::new, |now| now.to_string()))
            .arg(random_hex(8))
            .invoke_async(&mut self.connection.clone())
            .await?;
        let answer = match what.as_str() {
            "turn" => Answer::Turn(at),
            "place" => Answer::Place(at),
            _ => Answer::Later(at),
        };
        Ok(Reply { answer, now, nodes, memory })
    }

    /// A turn that nobody used.
    pub async fn give_back(&self, urgency: Urgency, place: i64) -> Result<(), redis::RedisError> {
        let _: i64 = Script::new(GIVE_BACK)
            .key(self.key("turns"))
            .key(self.key("background"))
            .arg(place)
            .arg(urgency.as_str())
            .invoke_async(&mut self.connection.clone())
            .await?;
        Ok(())
    }

    /// No turn for anybody for so long.
    pub async fn hold(&self, span_ms: i64) -> Result<(), redis::RedisError> {
        self.hold_at(span_ms, None).await
    }

    async fn hold_at(&self, span_ms: i64, now: Option<i64>) -> Result<(), redis::RedisError> {
        let _: i64 = Script::new(HOLD)
            .key(self.key("state"))
            .arg(span_ms.max(1))
            .arg(now.map_or_else(String::new, |now| now.to_string()))
            .invoke_async(&mut self.connection.clone())
            .await?;
        Ok(())
    }

    /// Tells of turns that Redis does not know: how many milliseconds ago each.
    pub async fn record(&self, ages_ms: &[i64]) -> Result<(), redis::RedisError> {
        if ages_ms.is_empty() {
            return Ok(());
        }
        let script = Script::new(RECORD);
        let mut call = script.key(self.key("turns"));
        call.arg(2 * self.budget.minute_ms);
        for age in ages_ms {
            call.arg(age);
        }
        let _: i64 = call.invoke_async(&mut self.connection.clone()).await?;
        Ok(())
    }

    fn key(&self, what: &str) -> String {
        format!("{}:{what}", self.name)
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
