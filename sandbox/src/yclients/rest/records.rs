//! The journal over REST: records and visits.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeDelta, TimeZone as _, Utc};
use serde_json::{Value, json};

use crate::yclients::{
    answer::{self, Answer, Refusal},
    caller::User,
    draft,
    input::{self, Body, Id, Params},
    journal::{self, Origin},
    model::{Record, Salon},
    options::ChangedZone,
    wire,
    world::World,
};

const USUAL_COUNT: usize = 50;
/// More than this per page is quietly not given.
const MOST_COUNT: usize = 300;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/records/{salon}", get(list).post(create))
        .route("/records/partner", get(by_partner))
        .route("/record/{salon}/{record}", get(show).put(replace).delete(remove))
        .route("/visits/{visit}", get(visit))
        .route("/visits/{visit}/{record}", post(set_visit).put(set_visit))
}

async fn list(State(world): State<World>, user: User, Path(salon): Path<Id>, params: Params) -> Answer {
    world.with(|state, now| {
        let salon = user.salon(state, salon.0)?;
        let filter = Filter::read(&params, salon, (now, state.options.changed_zone))?;
        let mut found: Vec<_> = salon.records.values().filter(|r| filter.admits(r, salon)).collect();
        found.sort_by_key(|r| (r.start, r.id));
        let (page, count) = page(&params);
        let data: Vec<_> = found
            .iter()
            .skip((page - 1).saturating_mul(count))
            .take(count)
            .map(|r| wire::rest_record(salon, r, &state.options))
            .collect();
        Ok(answer::with_meta(json!(data), json!({"page": page, "total_count": found.len()})))
    })
}

fn page(params: &Params) -> (usize, usize) {
    let page = params.number("page").unwrap_or(1).max(1);
    (page, params.number("count").unwrap_or(USUAL_COUNT).clamp(1, MOST_COUNT))
}

/// Records the application made itself.
async fn by_partner(State(world): State<World>, user: User, params: Params) -> Answer {
    world.with(|state, _| {
        let seen = state.salons.values().filter(|s| user.salon(state, s.id).is_ok());
        let own = |r: &&Record| r.created_user_id == User::System.id() && !r.deleted;
        let found = seen.flat_map(|s| s.records.values().filter(own).map(move |r| (s, r)));
        let all: Vec<_> = found.map(|(s, r)| wire::rest_record(s, r, &state.options)).collect();
        let (page, count) = page(&params);
        let meta = json!({"page": page, "total_count": all.len()});
        let data: Vec<_> = all.into_iter().skip((page - 1).saturating_mul(count)).take(count).collect();
        Ok(answer::with_meta(json!(data), meta))
    })
}

/// The filters of the list. Without any, the platform's own window is unknown: here it is today, so that nobody relies on it.
struct Filter {
    staff_id: Option<i64>,
    client_id: Option<i64>,
    created_user_id: Option<i64>,
    visit: (Option<NaiveDateTime>, Option<NaiveDateTime>),
    created: (Option<NaiveDateTime>, Option<NaiveDateTime>),
    changed: (Option<NaiveDateTime>, Option<NaiveDateTime>),
    with_deleted: bool,
}

impl Filter {
    fn read(
        params: &Params,
        salon: &Salon,
        (now, zone): (DateTime<Utc>, ChangedZone),
    ) -> Result<Self, Refusal> {
        let zone = match zone {
            ChangedZone::Salon => salon.timezone,
            ChangedZone::Moscow => chrono_tz::Europe::Moscow,
            ChangedZone::Utc => chrono_tz::UTC,
        };
        let day = |name: &str, last: bool| match params.get(name) {
            None => Ok(None),
            Some(_) => match params.date(name) {
                Some(date) if last => Ok(date.succ_opt().map(|d| d.and_time(Default::default()))),
                Some(date) => Ok(Some(date.and_time(Default::default()))),
                None => Err(bad_filter(name)),
            },
        };
        let moment = |name: &str| match params.get(name) {
            None => Ok(None),
            // A raw `+` in a query reads as a space; the offset then is not one.
            Some(text) => input::moment(&text.replace(' ', "T"), zone)
                .or_else(|| input::moment(text, zone))
                .and_then(|local| zone.from_local_datetime(&local).earliest())
                .map(|at| Some(at.with_timezone(&salon.timezone).naive_local()))
                .ok_or_else(|| bad_filter(name)),
        };
        let mut filter = Self {
            staff_id: params.number("staff_id"),
            client_id: params.number("client_id"),
            created_user_id: params.number("created_user_id"),
            visit: (day("start_date", false)?, day("end_date", true)?),
            created: (day("c_start_date", false)?, day("c_end_date", true)?),
            changed: (moment("changed_after")?, moment("changed_before")?),
            with_deleted: params.flag("with_deleted"),
        };
        let windows = [filter.visit, filter.created, filter.changed];
        let whose = [filter.staff_id, filter.client_id, filter.created_user_id];
        if windows.iter().all(|(from, to)| from.is_none() && to.is_none())
            && whose.iter().all(Option::is_none)
        {
            let today = now.with_timezone(&salon.timezone).date_naive().and_time(Default::default());
            filter.visit = (Some(today), Some(today + TimeDelta::days(1)));
        }
        Ok(filter)
    }

    fn admits(&self, record: &Record, salon: &Salon) -> bool {
        let local = |at: DateTime<Utc>| at.with_timezone(&salon.timezone).naive_local().trunc_subsecs(0);
        let changed = local(record.changed_at);
        let within = |(from, to): (Option<NaiveDateTime>, Option<NaiveDateTime>), at: NaiveDateTime| {
            from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to)
        };
        self.staff_id.is_none_or(|id| record.staff_id == id)
            && self.client_id.is_none_or(|id| record.client_id == Some(id))
            && self.created_user_id.is_none_or(|id| record.created_user_id == id)
            && (self.with_deleted || !record.deleted)
            && within(self.visit, record.start)
            && within(self.created, local(record.created_at))
            // Strictly after: whoever does not overlap his windows loses what changed within the same second.
            && self.changed.0.is_none_or(|after| changed > after)
            && self.changed.1.is_none_or(|before| changed < before)
    }
}

fn bad_filter(name: &str) -> Refusal {
    let fields = answer::Detail::Fields(vec![(name.to_owned(), "Поле имеет неверный формат".to_owned())]);
    Refusal { detail: fields, ..Refusal::new(StatusCode::BAD_REQUEST, "Произошла ошибка") }
}

async fn create(State(world): State<World>, user: User, Path(salon): Path<Id>, Body(body): Body) -> Answer {
    world.with(|state, now| {
        let salon = user.salon(state, salon.0)?;
        let id = salon.id;
        let draft = draft::full(salon, &body)?;
        if !input::flag(&body["save_if_busy"]).unwrap_or(false) {
            draft::check_free(salon, &draft, None)?;
        }
        let record = journal::create(state, now, id, draft, origin(user))?;
        let data = wire::single_record(state.salon(id)?, state.record(id, record)?, &state.options);
        Ok(answer::status(StatusCode::CREATED, data, json!([])))
    })
}

fn origin(user: User) -> Origin {
    Origin { user_id: user.id(), by_app: user.is_app(), online: false, silent: false }
}

async fn show(State(world): State<World>, user: User, Path((salon, record)): Path<(Id, Id)>) -> Answer {
    world.with(|state, _| {
        let salon = user.salon(state, salon.0)?;
        let record = state.record(salon.id, record.0)?;
        Ok(answer::ok(wire::single_record(salon, record, &state.options)))
    })
}

/// Replaces the record: what the body does not name is gone.
async fn replace(
    State(world): State<World>,
    user: User,
    Path((salon, record)): Path<(Id, Id)>,
    Body(body): Body,
) -> Answer {
    world.with(|state, now| {
        let salon = user.salon(state, salon.0)?;
        let (id, record) = (salon.id, record.0);
        state.record(id, record)?;
        let draft = draft::full(salon, &body)?;
        if !input::flag(&body["save_if_busy"]).unwrap_or(false) {
            draft::check_free(salon, &draft, Some(record))?;
        }
        let client_id = match &draft.client {
            Some(client) => Some(journal::upsert_client(state, now, id, client, origin(user))?),
            None => None,
        };
        journal::change(state, now, id, record, origin(user), |r| {
            (r.staff_id, r.client_id, r.services) = (draft.staff_id, client_id, draft.services);
            (r.start, r.length, r.comment) = (draft.start, draft.length, draft.comment);
            (r.attendance, r.api_id, r.custom_color) = (draft.attendance, draft.api_id, draft.custom_color);
            (r.custom_fields, r.labels) = (draft.custom_fields, draft.labels);
            (r.sms_remain_hours, r.email_remain_hours) = (draft.sms_remain_hours, draft.email_remain_hours);
            r.technical_break = draft.technical_break;
        })?;
        let data = wire::single_record(state.salon(id)?, state.record(id, record)?, &state.options);
        Ok(answer::status(StatusCode::CREATED, data, json!([])))
    })
}

async fn remove(State(world): State<World>, user: User, Path((salon, record)): Path<(Id, Id)>) -> Answer {
    world.with(|state, now| {
        let id = user.salon(state, salon.0)?.id;
        journal::delete(state, now, id, record.0, origin(user))?;
        Ok(answer::no_content())
    })
}

async fn visit(State(world): State<World>, user: User, Path(visit): Path<Id>) -> Answer {
    world.with(|state, _| {
        let (salon_id, record) = state
            .salons
            .values()
            .find_map(|s| s.records.values().find(|r| r.visit_id == visit.0).map(|r| (s.id, r)))
            .ok_or_else(|| Refusal::not_found("Визит не найден."))?;
        let salon = user.salon(state, salon_id)?;
        let record = wire::rest_record(salon, record, &state.options);
        Ok(answer::ok(visit_of(&record)))
    })
}

fn visit_of(record: &Value) -> Value {
    json!({
        "attendance": record["visit_attendance"], "datetime": record["datetime"], "comment": record["comment"],
        "records": [record], "payment_transactions": [],
    })
}

/// How attendance is set: both it and the comment must be named.
async fn set_visit(
    State(world): State<World>,
    user: User,
    Path((visit, record)): Path<(Id, Id)>,
    Body(body): Body,
) -> Answer {
    world.with(|state, now| {
        let missing = || Refusal::not_found("Визит не найден.");
        let salon_id = state.salon_of_record(record.0).ok_or_else(missing)?;
        user.salon(state, salon_id)?;
        let known = state.record(salon_id, record.0)?;
        if known.visit_id != visit.0 || known.deleted {
            return Err(missing());
        }
        let attendance = body.get("attendance").and_then(input::int).filter(|n| (-1..=2).contains(n));
        let comment = body.get("comment").and_then(|v| v.as_str().map(str::to_owned));
        let (Some(attendance), Some(comment)) = (attendance, comment) else {
            let empty = |given: bool, name| (!given).then_some((name, "Поле обязательно"));
            let fields =
                [empty(attendance.is_some(), "attendance"), empty(body["comment"].is_string(), "comment")];
            return Err(Refusal::invalid(fields.into_iter().flatten()));
        };
        journal::change(state, now, salon_id, record.0, origin(user), |r| {
            (r.attendance, r.comment) = (attendance, comment);
        })?;
        let data =
            wire::rest_record(state.salon(salon_id)?, state.record(salon_id, record.0)?, &state.options);
        Ok(answer::ok(visit_of(&data)))
    })
}
