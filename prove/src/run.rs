//! Carries plans out, and gathers what the witnesses say.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::base::Base;
use crate::history::{Heard, Run, Version, read};
use crate::plan::{Act, Edit, How, Minute, Plan};
use crate::stage::Stage;

const PATIENCE: Duration = Duration::from_secs(120);
/// Visits lie so many days ahead.
const DAYS: i64 = 3;

/// Carries out one plan for a client of its own.
pub async fn carry_out(stage: &mut Stage, base: &Base, plan: &Plan) -> anyhow::Result<Run> {
    let client = phone_of(plan.seed);
    // Nobody says which of the two WhatsApp's own app does.
    stage.phone(&client, plan.seed.is_multiple_of(2)).await?;
    stage.weather(&plan.weather.yclients, &plan.weather.whatsapp).await?;
    let mut run = Run { seed: plan.seed, lossy: plan.lossy, ..Run::default() };
    let mut numbers = BTreeMap::new();
    let began = Instant::now();
    let mut edits = timed(plan.edits.iter().map(|edit| (edit.wait_ms, edit))).peekable();
    let mut blows = timed(plan.blows.iter().map(|blow| (blow.after_ms, &blow.how))).peekable();
    loop {
        let (edit_at, blow_at) = (edits.peek().map(|next| next.0), blows.peek().map(|next| next.0));
        let Some(at) = [edit_at, blow_at].into_iter().flatten().min() else { break };
        tokio::time::sleep(at.saturating_sub(began.elapsed())).await;
        stage.revive().await?;
        if edit_at == Some(at) {
            if let Some((_, edit)) = edits.next() {
                make(stage, &client, edit, &mut numbers, &mut run).await?;
            }
        } else if let Some((_, how)) = blows.next() {
            strike(stage, base, how).await?;
        }
    }
    stage.fair_weather().await?;
    stage.wake()?;
    // What was armed and never passed stays behind with its process.
    for node in 0..stage.nodes() {
        stage.kill(node)?;
        stage.start(node, "").await?;
    }
    if !plan.lossy {
        resend(stage).await?;
    }
    Ok(run)
}

/// Adds up the waits: each event with its time from the beginning.
fn timed<T>(events: impl Iterator<Item = (u64, T)>) -> impl Iterator<Item = (Duration, T)> {
    events.scan(0, |sum, (wait, event)| {
        *sum += wait;
        Some((Duration::from_millis(*sum), event))
    })
}

async fn strike(stage: &mut Stage, base: &Base, how: &How) -> anyhow::Result<()> {
    let owner = stage.owner(base).await?;
    match how {
        How::Kill => {
            stage.kill(owner)?;
            stage.start(owner, "").await
        }
        How::DieAt { place, pass } => {
            stage.kill(owner)?;
            stage.start(owner, &format!("{place}=kill@{pass}")).await
        }
        How::Pause { ms } => {
            stage.sleep(owner)?;
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            stage.wake()
        }
        How::Sleep => stage.sleep(owner),
        How::SleepAt { place, pass } => {
            // Whoever runs the session is to fall asleep in the middle of it: it runs alone until it does run it.
            for node in 0..stage.nodes() {
                stage.kill(node)?;
            }
            stage.start(0, &format!("{place}=stop@{pass}")).await?;
            let deadline = Instant::now() + PATIENCE;
            while stage.asleep().is_none() && !base.is_online().await? && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            for node in 1..stage.nodes() {
                stage.start(node, "").await?;
            }
            Ok(())
        }
        How::Wake => {
            stage.wake()?;
            // Long enough for what it had begun; then whoever took over goes, and what the two of them wrote is all there is.
            tokio::time::sleep(Duration::from_millis(60)).await;
            stage.kill(owner)?;
            stage.start(owner, "").await
        }
        How::FlushRedis => stage.flush_redis().await,
        How::WithoutRedis { ms } => stage.without_redis(*ms).await,
        How::Cut => base.cut().await,
    }
}

async fn make(
    stage: &Stage,
    client: &str,
    edit: &Edit,
    numbers: &mut BTreeMap<usize, i64>,
    run: &mut Run,
) -> anyhow::Result<()> {
    let made_at = now_ms()?;
    let record = numbers.get(&edit.record).copied();
    match (edit.act, record) {
        (Act::Book(minute), _) => {
            let body = json!({
                "client": {"name": "Anna", "phone": client}, "staff_id": 1_500_101, "services": [7_700_201],
                "datetime": visit(minute), "length": 600,
            });
            let made = stage.trip.crm("POST", &Stage::records_path(), &body).await?;
            let id = made["id"].as_i64().context("a record's number")?;
            numbers.insert(edit.record, id);
            run.records.insert(id, vec![Version { minute, cancelled: false, made_at }]);
        }
        (Act::Move(minute), Some(id)) => {
            let path = format!("/admin/records/{id}");
            stage.trip.crm("PATCH", &path, &json!({"datetime": visit(minute)})).await?;
            run.records.entry(id).or_default().push(Version { minute, cancelled: false, made_at });
        }
        (Act::Cancel, Some(id)) => {
            stage.trip.crm("DELETE", &format!("/admin/records/{id}"), &Value::Null).await?;
            let versions = run.records.entry(id).or_default();
            let minute = versions.last().map_or(0, |version| version.minute);
            versions.push(Version { minute, cancelled: true, made_at });
        }
        (_, None) => bail!("a plan that edits what it never booked"),
    }
    Ok(())
}

/// Has every hook sent again that never got its 200, as a sender would that cares.
async fn resend(stage: &Stage) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = stage.trip.crm("GET", "/admin/hooks?limit=1000000", &Value::Null).await?;
        let hooks = log["hooks"].as_array().cloned().unwrap_or_default();
        if hooks.iter().any(|hook| matches!(hook["state"].as_str(), Some("queued" | "sending"))) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        // Equal bodies to one address are one hook: one of its copies was taken, or none.
        let key = |hook: &Value| format!("{}{}", hook["url"], hook["body"]);
        let taken: std::collections::HashSet<String> =
            hooks.iter().filter(|hook| hook["status"] == 200).map(key).collect();
        let mut missing: BTreeMap<String, i64> = BTreeMap::new();
        for hook in hooks.iter().filter(|hook| hook["kind"] == "hook" && !taken.contains(&key(hook))) {
            missing.insert(key(hook), hook["id"].as_i64().unwrap_or_default());
        }
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{} hooks are never taken; see {}", missing.len(), stage.log());
        }
        let ids: Vec<i64> = missing.into_values().collect();
        stage.trip.crm("POST", "/admin/hooks/resend", &json!({"ids": ids})).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until nothing is left to do.
pub async fn until_quiet(stage: &mut Stage, base: &Base) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut quiet = 0;
    while quiet < 3 {
        stage.revive().await?;
        // What a phone could not open is asked for again by its own timer.
        let left = base.left_to_do().await? + stage.gaps().await?;
        quiet = if left == 0 { quiet + 1 } else { 0 };
        if Instant::now() > deadline {
            bail!("{left} things are never done; see {}", stage.log());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// The journey of a record's hooks, for a person who looks for what went wrong.
pub async fn hooks_of(stage: &Stage, record: i64) -> anyhow::Result<Vec<String>> {
    let log = stage
        .trip
        .crm("GET", &format!("/admin/hooks?limit=1000000&resource_id={record}"), &Value::Null)
        .await?;
    let line = |hook: &Value| {
        format!(
            "{} {} {} {} {} {} {}",
            hook["sent_at"],
            hook["event"],
            hook["state"],
            hook["status"],
            hook["error"],
            hook["faults"],
            hook["body"]["data"]["date"]
        )
    };
    Ok(log["hooks"].as_array().map(|hooks| hooks.iter().map(line).collect()).unwrap_or_default())
}

/// What the phone and the database say of a run.
pub async fn gather(stage: &Stage, base: &Base, run: &mut Run) -> anyhow::Result<()> {
    let path = format!("/phones/{}/messages", phone_of(run.seed));
    let messages = stage.trip.wa("GET", &path, &Value::Null).await?;
    let text = |message: &Value, key: &str| message[key].as_str().unwrap_or_default().to_owned();
    for message in messages.as_array().cloned().unwrap_or_default() {
        if message["direction"] != "in" {
            continue;
        }
        let said = text(&message, "text");
        let (kind, minute) = read(&said).with_context(|| format!("a message nobody wrote: {said}"))?;
        let at = message["at_us"].as_i64().unwrap_or_default() / 1000;
        run.heard.push(Heard { id: text(&message, "id"), from: text(&message, "from"), kind, minute, at });
    }
    let records: Vec<i64> = run.records.keys().copied().collect();
    run.rows = base.rows_of(&records).await?;
    Ok(())
}

fn phone_of(seed: u64) -> String {
    format!("7965{:07}", seed % 10_000_000)
}

fn visit(minute: Minute) -> String {
    let day = chrono::Utc::now().with_timezone(&chrono_tz::Europe::Moscow).date_naive()
        + chrono::Duration::days(DAYS);
    format!("{day} {:02}:{:02}:00", minute / 60, minute % 60)
}

fn now_ms() -> anyhow::Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis())?)
}
