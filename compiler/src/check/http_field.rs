//! What a rule of an `AuthorizationPolicy` asks of requests, and of plain connections cannot.

use crate::api::istio::Rule;
use crate::diagnostic::FieldPath;

/// The first field of a rule that only HTTP has.
pub(super) fn http_field(rule: &Rule, at: &FieldPath) -> Option<FieldPath> {
    let sources = rule.from.iter().flatten().enumerate();
    let source = sources.filter_map(|(index, it)| Some((index, it.source.as_ref()?))).find_map(
        |(index, it)| {
            let lists = [
                ("requestPrincipals", &it.request_principals),
                ("notRequestPrincipals", &it.not_request_principals),
            ];
            let (field, _) = lists.into_iter().find(|(_, values)| !values.is_empty())?;
            Some(at.clone().field("from").index(index).field("source").field(field))
        },
    );
    let operations = rule.to.iter().flatten().enumerate();
    let operation = operations
        .filter_map(|(index, it)| Some((index, it.operation.as_ref()?)))
        .find_map(|(index, it)| {
            let lists = [
                ("methods", &it.methods),
                ("paths", &it.paths),
                ("hosts", &it.hosts),
                ("notMethods", &it.not_methods),
                ("notPaths", &it.not_paths),
                ("notHosts", &it.not_hosts),
            ];
            let (field, _) = lists.into_iter().find(|(_, values)| !values.is_empty())?;
            Some(at.clone().field("to").index(index).field("operation").field(field))
        });
    let condition = rule.when.iter().position(|it| it.key.starts_with("request."));
    let condition = condition.map(|index| at.clone().field("when").index(index).field("key"));
    operation.or(source).or(condition)
}
