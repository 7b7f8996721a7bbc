//! Descriptors as facts: one line for each thing that is seen on the wire.
//!
//! A fact is a package with its syntax, a message, a field, an enum, a value, a service or a method, with names
//! (JSON names too), numbers, types, labels, packing, presence, oneofs and streaming.

use std::collections::BTreeSet;

use prost_types::field_descriptor_proto::Label;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, MessageOptions,
    ServiceDescriptorProto,
};

/// All that these files say about the wire.
pub(super) fn facts<'a>(files: impl Iterator<Item = &'a FileDescriptorProto>) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for file in files {
        let package = file.package();
        let syntax = file.syntax.as_deref().unwrap_or("proto2");
        facts.insert(format!("package {package}, syntax {syntax}"));
        for message in &file.message_type {
            message_facts(&mut facts, package, message);
        }
        for enumeration in &file.enum_type {
            enum_facts(&mut facts, package, enumeration);
        }
        for service in &file.service {
            service_facts(&mut facts, package, service);
        }
    }
    facts
}

fn message_facts(facts: &mut BTreeSet<String>, scope: &str, message: &DescriptorProto) {
    let name = format!("{scope}.{}", message.name());
    let map = message.options.as_ref().is_some_and(MessageOptions::map_entry);
    facts.insert(format!("message {name}{}", if map { ", entry of a map" } else { "" }));
    for field in &message.field {
        facts.insert(field_fact(&name, message, field));
    }
    for nested in &message.nested_type {
        message_facts(facts, &name, nested);
    }
    for enumeration in &message.enum_type {
        enum_facts(facts, &name, enumeration);
    }
}

/// Such as `field pb.Op.exec: pb.ExecOp = 2, json exec, in oneof op`.
fn field_fact(scope: &str, message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let mut fact = format!("field {scope}.{}: ", field.name());
    if field.label() == Label::Repeated {
        fact += "repeated ";
    } else if field.label() == Label::Required {
        fact += "required ";
    }
    fact += &match field.type_name.as_deref() {
        Some(name) => name.trim_start_matches('.').to_owned(),
        None => format!("{:?}", field.r#type()).to_lowercase(),
    };
    fact += &format!(" = {}, json {}", field.number(), field.json_name());
    if let Some(packed) = field.options.as_ref().and_then(|options| options.packed) {
        fact += &format!(", packed {packed}");
    }
    if field.proto3_optional() {
        fact += ", optional";
    } else if let Some(index) = field.oneof_index {
        fact += &format!(", in oneof {}", message.oneof_decl[index as usize].name());
    }
    fact
}

fn enum_facts(facts: &mut BTreeSet<String>, scope: &str, enumeration: &EnumDescriptorProto) {
    let name = format!("{scope}.{}", enumeration.name());
    facts.insert(format!("enum {name}"));
    for value in &enumeration.value {
        facts.insert(format!("value {name}.{} = {}", value.name(), value.number()));
    }
}

fn service_facts(facts: &mut BTreeSet<String>, scope: &str, service: &ServiceDescriptorProto) {
    let name = format!("{scope}.{}", service.name());
    facts.insert(format!("service {name}"));
    for method in &service.method {
        let stream = |streaming: bool| if streaming { "stream " } else { "" };
        facts.insert(format!(
            "rpc {name}.{}: {}{} -> {}{}",
            method.name(),
            stream(method.client_streaming()),
            method.input_type(),
            stream(method.server_streaming()),
            method.output_type(),
        ));
    }
}
