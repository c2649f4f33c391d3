//! An XML-RPC client that keeps its connection, and shorthands for the daemon's procedures.
use super::raw::{Address, Connection, post};
use super::row::{Row, Val};
use super::xml::{self, Value};
use std::io;

/// A fault as a client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub code: i64,
    pub text: String,
}

/// A client of one daemon; it connects again when the daemon has closed the connection.
pub struct Client {
    address: Address,
    connection: Option<Connection>,
    /// What `login` gave; every procedure but `call` sends it.
    pub session: String,
}

/// What `view` answers.
#[derive(Clone, Debug)]
pub struct View {
    pub total: i64,
    pub count: i64,
    pub autorefresh: i64,
    pub snapshot_age: Option<i64>,
    pub table: Vec<Row>,
}

impl Client {
    pub fn new(address: &Address) -> Client {
        Client { address: address.clone(), connection: None, session: String::new() }
    }

    /// One call. What is not a well-formed answer of status 200 fails the test.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: &[Value]) -> Result<Value, Fault> {
        let request = post(&self.address, &xml::call(method, params), "");
        let reply = match self.connection.take() {
            // The daemon may close an idle connection at any time: that is not a failure, but once only.
            Some(mut kept) => kept.send(&request).and_then(|()| kept.reply()).map(|reply| (reply, kept)),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        let (reply, connection) = reply.unwrap_or_else(|_| super::raw::exchange(&self.address, &request));
        assert_eq!(reply.status, 200, "{method}: {}", reply.text());
        assert!(
            reply.header("content-type").is_some_and(|kind| kind.starts_with("text/xml")),
            "{:?}",
            reply.headers
        );
        if !reply.closes() {
            self.connection = Some(connection);
        }
        let body = String::from_utf8(reply.body).expect("a reply in UTF-8");
        match xml::response(&body).unwrap_or_else(|error| panic!("{method}: {error} in {body}")) {
            Ok(value) => Ok(value),
            Err(fault) => {
                let (code, text) = (fault.get("faultCode").int(), fault.get("faultString").str().to_owned());
                Err(Fault { code, text })
            }
        }
    }

    /// The same with the session in front.
    #[track_caller]
    pub fn ask(&mut self, method: &str, params: &[Value]) -> Result<Value, Fault> {
        let all: Vec<Value> =
            std::iter::once(Value::from(self.session.as_str())).chain(params.iter().cloned()).collect();
        let answer = self.call(method, &all);
        match answer {
            // Sessions end after ten quiet seconds, and a test under load may take longer between two calls.
            Err(fault) if fault.code == 2 => {
                self.login();
                let again = std::iter::once(Value::from(self.session.as_str())).chain(params.iter().cloned());
                self.call(method, &again.collect::<Vec<_>>())
            }
            other => other,
        }
    }

    #[track_caller]
    pub fn login(&mut self) {
        self.session = self.call("login", &[]).expect("a login without arguments").str().to_owned();
    }

    /// `view` with every argument.
    #[track_caller]
    pub fn try_view(
        &mut self,
        filters: &Value,
        order: &str,
        direction: &str,
        page: (i64, i64),
    ) -> Result<View, Fault> {
        let (start, length) = page;
        self.ask("view", &[filters.clone(), order.into(), direction.into(), start.into(), length.into()])
            .map(view)
    }

    #[track_caller]
    pub fn view(&mut self, filters: &Value, order: &str, direction: &str, page: (i64, i64)) -> View {
        self.try_view(filters, order, direction, page).unwrap_or_else(|fault| {
            panic!("view({filters:?}, {order:?}, {direction:?}, {page:?}): {fault:?}")
        })
    }

    /// Everything, in the kernel's order, by way of the default arguments.
    #[track_caller]
    pub fn all(&mut self) -> View {
        self.ask("view", &[]).map(view).unwrap_or_else(|fault| panic!("view(): {fault:?}"))
    }

    #[track_caller]
    pub fn kill(&mut self, ids: Value) -> Result<i64, Fault> {
        self.ask("kill", &[ids]).map(|killed| killed.int())
    }

    #[track_caller]
    pub fn change(
        &mut self,
        field: &str,
        id: impl ToString,
        value: impl Into<Value>,
    ) -> Result<Value, Fault> {
        self.ask("change", &[field.into(), id.to_string().into(), value.into()])
    }
}

#[track_caller]
fn view(answer: Value) -> View {
    let age = match &answer {
        Value::Struct(members) => members.get("snapshot_age").map(Value::int),
        _ => None,
    };
    View {
        total: answer.get("total").int(),
        count: answer.get("count").int(),
        autorefresh: answer.get("autorefresh").int(),
        snapshot_age: age,
        table: answer.get("table").array().iter().map(row).collect(),
    }
}

/// A row as the tests compare it. Integers come as `<int>` or `<double>`; which one is `tests/kernel_view.rs`'s to check.
#[track_caller]
pub fn row(value: &Value) -> Row {
    let Value::Struct(members) = value else { panic!("a row that is no struct: {value:?}") };
    let convert = |value: &Value| match value {
        Value::Str(text) => Val::Str(text.clone()),
        number => Val::Int(u64::try_from(number.int()).expect("an unsigned number")),
    };
    members.iter().map(|(name, value)| (name.clone(), convert(value))).collect()
}
