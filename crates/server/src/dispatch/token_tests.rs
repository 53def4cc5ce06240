//! Tests of the completion token: golden vectors, and that nothing but our own text is taken.

use engine::id::LogId;

use super::*;

const KEY: TokenKey = TokenKey { id: 7, secret: [0x42; 32] };
const HUB: HubId = HubId(3);

fn turn() -> Token {
    Token {
        hub: HUB,
        partition: PartitionId(5),
        epoch: Epoch { lineage: Lineage(1), lease: LeaseEpoch(2), term: 300 },
        instance: InstanceId::parse("order-1").expect("an id"),
        execution: "0123456789abcdef0123456789abcdef".into(),
        task: Task::Turn { turn: 9, delivered: 4, started_at: Timestamp::new(1_795_000_000, 123_456_789) },
        attempt: 2,
        hand_out: HandOutId(77),
    }
}

fn activity() -> Token {
    let scheduled_by = LogId { term: 300, index: 1 << 40 };
    Token {
        execution: "given by a client".into(),
        task: Task::Activity { scheduled_by, ordinal: 11, task: -3 },
        ..turn()
    }
}

fn batch() -> Token {
    Token {
        instance: InstanceId::parse("@counter@a").expect("an id"),
        task: Task::Batch { turn: 12, delivered: 100 },
        ..turn()
    }
}

#[test]
fn tokens_of_version_1_read_the_same_for_ever() {
    assert_eq!(turn().sign(&KEY), GOLDEN_TURN);
    assert_eq!(activity().sign(&KEY), GOLDEN_ACTIVITY);
    assert_eq!(Token::parse(GOLDEN_TURN, HUB, &KEY), Ok(turn()));
    assert_eq!(Token::parse(GOLDEN_ACTIVITY, HUB, &KEY), Ok(activity()));
}

const GOLDEN_TURN: &str =
    "AQAAAAcDBQECrAIHb3JkZXItMQEBI0VniavN7wEjRWeJq83vAQkEAAAAAGr9hsAHW80VAk13KQdPz5uULf_z6UKZRIBL";
const GOLDEN_ACTIVITY: &str =
    "AQAAAAcDBQECrAIHb3JkZXItMQARZ2l2ZW4gYnkgYSBjbGllbnQCrAKAgICAgCAL_____QJNeXvF_cRjS7tYgjCaMDqQkw";

#[test]
fn a_missing_token_a_foreign_key_and_a_foreign_hub_are_told_apart() {
    let text = turn().sign(&KEY);
    assert_eq!(Token::parse("", HUB, &KEY), Err(Invalid::Missing));
    assert_eq!(Token::parse(&text, HUB, &TokenKey { id: 8, ..KEY }), Err(Invalid::WrongKey(7)));
    let other = TokenKey { secret: [0x43; 32], ..KEY };
    assert_eq!(Token::parse(&text, HUB, &other), Err(Invalid::WrongSignature));
    assert_eq!(Token::parse(&text, HubId(4), &KEY), Err(Invalid::WrongHub(HUB)));
}

#[test]
fn no_single_changed_character_is_taken() {
    for token in [turn(), activity(), batch()] {
        let text = token.sign(&KEY);
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ascii");
            assert!(Token::parse(&changed, HUB, &KEY).is_err(), "position {position}");
        }
    }
}

#[test]
fn no_shortened_or_lengthened_text_is_taken() {
    let text = turn().sign(&KEY);
    for length in 1..text.len() {
        assert!(Token::parse(&text[..length], HUB, &KEY).is_err(), "length {length}");
    }
    assert!(Token::parse(&format!("{text}A"), HUB, &KEY).is_err());
    assert_eq!(Token::parse(&"A".repeat(5_000), HUB, &KEY), Err(Invalid::Malformed));
}

#[test]
fn a_signed_text_that_we_would_write_otherwise_is_malformed() {
    let signed = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let mac = mac(&KEY, &bytes);
        bytes.extend_from_slice(&mac);
        Token::parse(&base64url::encode(&bytes), HUB, &KEY)
    };
    let bytes = base64url::decode(&turn().sign(&KEY)).expect("our own text");
    let (body, _) = bytes.split_last_chunk::<MAC_BYTES>().expect("a signature");
    assert_eq!(signed(body), Ok(turn()));
    assert_eq!(signed(&[body, &[0]].concat()), Err(Invalid::Malformed));
    assert_eq!(signed(&body[..body.len() - 1]), Err(Invalid::Malformed));
    let mut longer_number = body.to_vec();
    longer_number.splice(5..6, [0x83, 0x00]);
    assert_eq!(signed(&longer_number), Err(Invalid::Malformed));
    let mut other_version = body.to_vec();
    other_version[0] = 2;
    assert_eq!(signed(&other_version), Err(Invalid::Malformed));
}

#[test]
fn the_largest_ids_fit_a_token() {
    let token = Token {
        instance: InstanceId::parse(&"𝄞".repeat(100)).expect("an id"),
        execution: "x".repeat(1_024),
        epoch: Epoch { lineage: Lineage(u64::MAX), lease: LeaseEpoch(u64::MAX), term: u64::MAX },
        hand_out: HandOutId(u64::MAX),
        ..turn()
    };
    assert_eq!(Token::parse(&token.sign(&KEY), HUB, &KEY), Ok(token));
}

#[test]
fn the_secret_is_not_shown() {
    assert_eq!(format!("{KEY:?}"), "TokenKey { id: 7 }");
}

#[test]
fn a_batchs_token_names_an_entity_and_no_other_token_does() {
    assert_eq!(Token::parse(&batch().sign(&KEY), HUB, &KEY), Ok(batch()));
    let order = Token { instance: turn().instance, ..batch() };
    assert_eq!(Token::parse(&order.sign(&KEY), HUB, &KEY), Err(Invalid::Malformed));
    let entity = Token { instance: batch().instance, ..turn() };
    assert_eq!(Token::parse(&entity.sign(&KEY), HUB, &KEY), Err(Invalid::Malformed));
}
