//! The world of one batch of runs: both sandboxes in this process, the product in one or several of its own that are killed,
//! stopped and started again; one salon, installed and linked.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use salonbridge::boot::balancer::Balancer;
use salonbridge::boot::config::Env;
use salonbridge::boot::demo::{Around, World};
use salonbridge::boot::demo_trip::{Report, SALON, SALON_PHONE, Trip};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::base::Base;
use crate::node::Node;
use crate::redis::Redis;

/// What the product's clients read here: what the checker needs and no more.
const WORDING: &str = "[plain]\ngreeting = \"\"\ngreeting_nameless = \"\"\nconfirmation = \"confirmation;{time}\"\n\
     change = \"change;{time}\"\ncancel = \"cancel;{time}\"\nwelcome = \"welcome {salon}\"\ntrial = \"trial {salon}\"\n";
const RULES: &str = "settle_ms = 150\npacing.is_on = false\n";

pub struct Stage {
    pub around: Around,
    pub trip: Trip,
    pub database: String,
    pub kills: usize,
    nodes: Vec<Node>,
    balancer: Balancer,
    redis: Option<Redis>,
    mistake: String,
    folder: tempfile::TempDir,
}

impl Stage {
    /// `database` names an empty PostgreSQL database; without it the product is on SQLite. Several nodes stand behind a balancer and
    /// share a Redis.
    pub async fn open(database: Option<&str>, nodes: usize, mistake: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        write_tenants(&folder.path().join("tenants"))?;
        let mut env = Env::from(
            [("SALONBRIDGE_CONFIRM_WAIT_S", "0"), ("SALONBRIDGE_GRACE_S", "2"), ("SALONBRIDGE_RULES", RULES)]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        env.extend(database.map(|url| ("DATABASE_URL".to_owned(), url.to_owned())));
        let redis = match nodes {
            1 => None,
            _ => Some(Redis::start(free_port().await?).await?),
        };
        env.extend(redis.as_ref().map(|r| ("REDIS_URL".to_owned(), format!("redis://127.0.0.1:{}", r.port))));
        let world = World::start(&env, folder.path(), 0).await?;
        let mut around = world.without_product().await;
        let tenants = folder.path().join("tenants").display().to_string();
        around.env.insert("SALONBRIDGE_TENANTS_DIR".to_owned(), tenants);
        let trip = Trip::among(&around.product_url, &around.yclients_url, &around.whatsapp_url)?;
        let database = around.env["DATABASE_URL"].clone();
        let mistake = mistake.to_owned();
        let (all, balancer) = (Vec::new(), Balancer::default());
        let mut stage =
            Self { around, trip, database, kills: 0, nodes: all, balancer, redis, mistake, folder };
        stage.place(nodes).await?;
        let page = stage.trip.install(&mut Report::default()).await.context("the salon is installed")?;
        stage.trip.link(&page, &mut Report::default()).await.context("its phone is linked")?;
        Ok(stage)
    }

    /// Starts the nodes: one where the sandboxes expect the product, several behind a balancer that stands there.
    async fn place(&mut self, nodes: usize) -> anyhow::Result<()> {
        let address = self.around.product_url.replace("http://", "");
        if nodes == 1 {
            let (_, port) = address.rsplit_once(':').context("a port")?;
            self.nodes.push(Node::new(port.parse()?, self.folder.path()));
        } else {
            tokio::spawn(self.balancer.clone().serve(TcpListener::bind(address).await?));
            for _ in 0..nodes {
                self.nodes.push(Node::new(free_port().await?, self.folder.path()));
            }
        }
        for node in 0..nodes {
            self.start(node, "").await?;
        }
        Ok(())
    }

    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Starts a node with these places armed.
    pub async fn start(&mut self, node: usize, places: &str) -> anyhow::Result<()> {
        let (folder, node) = (self.folder.path(), &mut self.nodes[node]);
        node.start(&self.around.env, folder, places, &self.mistake).await?;
        self.balancer.remove(node.port);
        self.balancer.add(node.port);
        Ok(())
    }

    /// Pulls the plug.
    pub fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        self.balancer.remove(self.nodes[node].port);
        self.kills += usize::from(self.nodes[node].kill()?);
        Ok(())
    }

    /// Starts again whoever died of a blow that was waiting for it.
    pub async fn revive(&mut self) -> anyhow::Result<()> {
        for node in 0..self.nodes.len() {
            if self.nodes[node].has_died()? {
                self.kill(node)?;
                self.start(node, "").await?;
            }
        }
        Ok(())
    }

    /// Puts a node to sleep, or finds that it fell asleep by itself. A balancer with a health check would see it.
    pub fn sleep(&self, node: usize) -> anyhow::Result<()> {
        self.balancer.remove(self.nodes[node].port);
        self.nodes[node].signal("-STOP")
    }

    /// Wakes whoever sleeps.
    pub fn wake(&self) -> anyhow::Result<()> {
        for node in &self.nodes {
            if node.is_asleep() {
                node.signal("-CONT")?;
            }
            self.balancer.remove(node.port);
            self.balancer.add(node.port);
        }
        Ok(())
    }

    /// Which node sleeps.
    pub fn asleep(&self) -> Option<usize> {
        self.nodes.iter().position(Node::is_asleep)
    }

    /// The node that runs the session; the first where that cannot be said.
    pub async fn owner(&self, base: &Base) -> anyhow::Result<usize> {
        if self.nodes.len() == 1 {
            return Ok(0);
        }
        let name = base.owner().await?.unwrap_or_default();
        let found = self.nodes.iter().position(|node| !name.is_empty() && node.is_called(&name));
        Ok(found.unwrap_or_default())
    }

    pub async fn flush_redis(&self) -> anyhow::Result<()> {
        match &self.redis {
            Some(redis) => redis.flush().await,
            None => Ok(()),
        }
    }

    /// Redis goes away for so long.
    pub async fn without_redis(&mut self, ms: u64) -> anyhow::Result<()> {
        let Some(redis) = &mut self.redis else { return Ok(()) };
        redis.kill()?;
        tokio::time::sleep(Duration::from_millis(ms)).await;
        redis.begin().await
    }

    pub async fn weather(&self, yclients: &Value, whatsapp: &Value) -> anyhow::Result<()> {
        self.trip.crm("POST", "/admin/faults", yclients).await?;
        self.trip.wa("POST", "/faults", whatsapp).await?;
        Ok(())
    }

    pub async fn fair_weather(&self) -> anyhow::Result<()> {
        let receipts = json!({"drop": 0.0, "double": 0.0, "late": 0.0, "reorder": false});
        self.weather(
            &json!({"clear": true}),
            &json!({"receipts": receipts, "garble": 0, "lose_requests": 0, "script": [], "nack": null}),
        )
        .await
    }

    pub async fn phone(&self, number: &str, shows_repeats: bool) -> anyhow::Result<()> {
        let phone = json!({"number": number, "name": "Anna", "shows_repeats": shows_repeats});
        self.trip.wa("POST", "/phones", &phone).await?;
        Ok(())
    }

    /// Messages that phones could not open and still ask for.
    pub async fn gaps(&self) -> anyhow::Result<i64> {
        let phones = self.trip.wa("GET", "/phones", &Value::Null).await?;
        let phones = phones.as_array().context("a list of phones")?;
        Ok(phones.iter().map(|phone| phone["gaps"].as_i64().unwrap_or_default()).sum())
    }

    pub fn salon_phone() -> &'static str {
        SALON_PHONE
    }

    pub fn records_path() -> String {
        format!("/admin/salons/{SALON}/records")
    }

    pub fn log(&self) -> String {
        self.folder.path().join("product-*.log").display().to_string()
    }

    /// Keeps the folder, so that one can look at what the product said.
    pub fn keep(mut self) -> anyhow::Result<()> {
        for node in 0..self.nodes.len() {
            self.kill(node)?;
        }
        self.folder.disable_cleanup(true);
        Ok(())
    }
}

async fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

fn write_tenants(folder: &Path) -> anyhow::Result<()> {
    let wording = folder.join("_default/wording");
    std::fs::create_dir_all(&wording)?;
    for language in ["ru", "en"] {
        std::fs::write(wording.join(format!("{language}.toml")), WORDING)?;
    }
    std::fs::write(folder.join("_default/rules.toml"), RULES)?;
    Ok(())
}
