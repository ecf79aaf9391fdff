//! A stage with phones on it, and companions that are not ours.

use std::sync::Arc;
use std::time::Duration;

use salonbridge_sandbox::whatsapp::{self, Options};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use whatsapp_rust::bot::{Bot, BotHandle, EventDelivery};
use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::prelude::{MessageBuilderExt as _, wa};
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::types::events::{Event, InboundMessage};
use whatsapp_rust::wacore::net::{HttpClient, HttpRequest, HttpResponse};
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::{Client, Jid, SendOptions};

/// Only what hangs takes so long: a debug build on a machine that does other things is slow.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub const SALON: &str = "79990000001";
pub const ANNA: &str = "79990000002";
pub const OLEG: &str = "79990000003";

/// One sandbox on its own port.
pub struct Stage {
    pub base: String,
    http: reqwest::Client,
    stop: CancellationToken,
}

impl Stage {
    /// Opens a sandbox with the three usual phones.
    pub async fn open() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let stop = CancellationToken::new();
        let phones = vec![format!("{SALON}=Salon Iris"), format!("{ANNA}=Anna"), format!("{OLEG}=Oleg")];
        tokio::spawn(whatsapp::serve(listener, Options { phones }, stop.clone()));
        Self { base, http: reqwest::Client::new(), stop }
    }

    pub fn socket(&self) -> String {
        format!("{}/ws/chat", self.base.replacen("http", "ws", 1))
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer");
        assert!(answer.status().is_success(), "GET {path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    pub async fn page(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    pub async fn status_for_origin(&self, path: &str, origin: &str) -> u16 {
        let request = self.http.get(format!("{}{path}", self.base)).header("origin", origin);
        request.send().await.expect("an answer").status().as_u16()
    }

    /// Posts and returns status and body.
    pub async fn try_post(&self, path: &str, body: Value) -> (u16, Value) {
        let answer =
            self.http.post(format!("{}{path}", self.base)).json(&body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Posts a file and returns status and body.
    pub async fn post_bytes(&self, path: &str, file: Vec<u8>) -> (u16, Value) {
        let answer =
            self.http.post(format!("{}{path}", self.base)).body(file).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.try_post(path, body).await;
        assert!((200..300).contains(&status), "POST {path}: {status} {answer}");
        answer
    }

    /// The messages of a phone, once there are at least `count`.
    pub async fn messages(&self, number: &str, count: usize) -> Vec<Value> {
        let path = format!("/phones/{number}/messages?count={count}&wait_ms={}", PATIENCE.as_millis());
        let messages = self.get(&path).await.as_array().expect("a list").clone();
        assert!(messages.len() >= count, "{number} has only {messages:?}");
        messages
    }

    /// Asks again until the answer is as wanted: for what settles on its own.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) {
        let waiting = async {
            while !wanted(&self.get(path).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(PATIENCE, waiting).await.is_err() {
            panic!("{path} stayed as it was: {}", self.get(path).await);
        }
    }

    pub async fn stats(&self, key: &str) -> u64 {
        self.get("/stats").await[key].as_u64().expect("a number")
    }

    /// A companion of `number`, linked by QR code and connected.
    pub async fn linked(&self, number: &str) -> Companion {
        let mut companion = Companion::start(self, Arc::default(), None).await;
        let qr = companion.qr().await;
        self.post(&format!("/phones/{number}/scan"), json!({ "qr": qr })).await;
        companion.connected().await;
        companion
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A WhatsApp Web client and what it reported.
pub struct Companion {
    pub client: Arc<Client>,
    pub store: Arc<InMemoryBackend>,
    handle: Option<BotHandle>,
    events: mpsc::UnboundedReceiver<Arc<Event>>,
    seen: Vec<Arc<Event>>,
}

impl Companion {
    pub async fn start(stage: &Stage, store: Arc<InMemoryBackend>, code_for: Option<&str>) -> Self {
        let (tx, events) = mpsc::unbounded_channel();
        let mut builder = Bot::builder()
            .with_backend_arc(store.clone())
            .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(stage.socket()))
            .with_http_client(NoHttp)
            .with_version((2, 3000, 1_023_000_000))
            .with_wanted_pre_key_count(30)
            .skip_history_sync()
            .with_event_delivery(EventDelivery::Ordered { capacity: 1_024 })
            .on_event(move |event, _client| {
                let _ = tx.send(event);
                async {}
            });
        if let Some(number) = code_for {
            builder = builder.with_pair_code(PairCodeOptions {
                phone_number: number.to_owned(),
                ..PairCodeOptions::default()
            });
        }
        let bot = builder.build().await.expect("a bot");
        let handle = bot.spawn();
        Self { client: handle.client(), store, handle: Some(handle), events, seen: Vec::new() }
    }

    /// Waits for an event; those that were passed over on the way stay for later.
    pub async fn expect<T>(&mut self, what: &str, pick: impl Fn(&Event) -> Option<T>) -> T {
        if let Some(at) = self.seen.iter().position(|event| pick(event).is_some()) {
            let event = self.seen.remove(at);
            return pick(&event).expect("it was just picked");
        }
        let waiting = async {
            loop {
                let event = self.events.recv().await.expect("the client is gone");
                match pick(&event) {
                    Some(found) => return found,
                    None => self.seen.push(event),
                }
            }
        };
        match timeout(PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("no {what}; seen: {:?}", self.seen),
        }
    }

    pub async fn qr(&mut self) -> String {
        self.expect("QR code", |event| match event {
            Event::PairingQrCode(qr) => Some(qr.code.clone()),
            _ => None,
        })
        .await
    }

    pub async fn connected(&mut self) {
        self.expect("connection", |event| matches!(event, Event::Connected(_)).then_some(())).await;
    }

    pub async fn send(&self, to: &str, text: &str) -> String {
        self.client.send_text(Jid::pn(to), text).await.expect("sent").message_id.to_string()
    }

    /// The same under an id of the caller's.
    pub async fn send_as(&self, to: &str, text: &str, id: &str) {
        let options = SendOptions::default().with_message_id(id);
        let text = wa::Message::text(text);
        self.client.send_message_with_options(Jid::pn(to), text, options).await.expect("sent");
    }

    /// The next text that somebody else wrote.
    pub async fn text(&mut self) -> Heard {
        self.expect("message", |event| heard(event).into_iter().find(|it| !it.from_me)).await
    }

    /// The next so many of them, however they are bundled.
    pub async fn texts(&mut self, count: usize) -> Vec<Heard> {
        let mut all = Vec::new();
        while all.len() < count {
            let batch = self.expect("messages", |event| Some(heard(event)).filter(|it| !it.is_empty())).await;
            all.extend(batch);
        }
        all
    }

    /// What another device of this account wrote.
    pub async fn copy_of(&mut self, text: &str) -> Heard {
        let ours = |it: &Heard| it.from_me && it.text == text;
        self.expect("copy", |event| heard(event).into_iter().find(ours)).await
    }

    /// The receipt of this kind for this message.
    pub async fn receipt(&mut self, id: &str, kind: &str) {
        self.expect(&format!("{kind} receipt"), |event| match event {
            Event::Receipt(receipt)
                if format!("{:?}", receipt.r#type) == kind
                    && receipt.message_ids.iter().any(|it| it.as_str() == id) =>
            {
                Some(())
            }
            _ => None,
        })
        .await;
    }

    /// The server's answer to a message: `None` or the code of its refusal.
    pub async fn ack(&mut self, id: &str) -> Option<String> {
        self.expect("acknowledgement", |event| match event {
            Event::ServerAck(ack) if ack.id == id => Some(ack.error.clone()),
            _ => None,
        })
        .await
    }

    /// Stops without logging out and hands the keys to whoever comes next.
    pub async fn stop(mut self) -> Arc<InMemoryBackend> {
        if let Some(handle) = self.handle.take() {
            handle.shutdown().await;
        }
        Arc::clone(&self.store)
    }

    /// The same device again, in a new process as it were.
    pub async fn restart(self, stage: &Stage) -> Self {
        let store = self.stop().await;
        Self::start(stage, store, None).await
    }

    pub fn has_seen(&self, pick: impl Fn(&Event) -> bool) -> bool {
        self.seen.iter().any(|event| pick(event))
    }
}

#[derive(Debug)]
pub struct Heard {
    pub from: String,
    pub chat: String,
    pub text: String,
    pub id: String,
    pub quoted: Option<String>,
    pub offline: bool,
    pub from_me: bool,
}

fn heard(event: &Event) -> Vec<Heard> {
    let one = |message: &InboundMessage| {
        let sent = message.message.device_sent_message.as_option().and_then(|it| it.message.as_option());
        let body = sent.unwrap_or(&message.message);
        let extended = body.extended_text_message.as_option();
        Some(Heard {
            from: message.info.source.sender.to_string(),
            chat: message.info.source.chat.to_string(),
            text: body.conversation.clone().or_else(|| extended?.text.clone())?,
            id: message.info.id.to_string(),
            quoted: extended.and_then(|it| it.context_info.as_option()?.stanza_id.clone()),
            offline: message.info.is_offline,
            from_me: message.info.source.is_from_me,
        })
    };
    event.messages().filter_map(one).collect()
}

/// The sandbox needs no downloads; a client that tries one has gone astray.
struct NoHttp;

#[async_trait::async_trait]
impl HttpClient for NoHttp {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        anyhow::bail!("nobody should ask for {}", request.url)
    }
}
