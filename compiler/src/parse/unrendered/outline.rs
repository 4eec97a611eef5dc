//! What resources say of themselves that are not read until something fills them in.
//!
//! They are read with a sign in place of what is to be filled in; what is known of their names stands around it. Where Helm's
//! template does not say a namespace, that is the release's, which nobody knows here.

use super::{placeholder, template};
use crate::api::ANY;
use crate::parse::document::Identity;
use crate::parse::stream::read;
use crate::source::FileId;

/// The resources of a text. Which kind they are of must be written.
pub(in crate::parse) fn identities(text: &str, file: FileId) -> Vec<Identity> {
    let is_template = text.contains("{{");
    let filled =
        placeholder::filled(&template::rendered(text, template::UNKNOWN), template::UNKNOWN);
    let documents = read(&filled, file);
    let found = documents.iter().filter_map(|yaml| {
        let mut identity = Identity::read(&yaml.tree, yaml.tree.root()?, &filled);
        for text in [&mut identity.name, &mut identity.namespace].into_iter().flatten() {
            *text = text.replace(template::UNKNOWN, ANY).into();
        }
        let is_cut = !yaml.is_whole && identity.name.is_none();
        if is_cut {
            identity.name = Some(ANY.into());
        }
        if is_cut || is_template {
            identity.namespace.get_or_insert_with(|| ANY.into());
        }
        let is_known = !identity.kind.is_empty() && !identity.kind.contains(template::UNKNOWN);
        is_known.then_some(identity)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    fn may_be(text: &str, namespace: &str, name: &str) -> bool {
        let mesh = Compiled::text(text).mesh;
        crate::resolve::resolve(&mesh).unread.may_be("Service", namespace, name)
    }

    fn service(metadata: &str, port: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n{metadata}spec:\n  ports:\n  - port: {port}\n"
        )
    }

    #[test]
    fn a_name_is_known_as_far_as_it_is_written() {
        for (metadata, namespace, name, expected) in [
            ("  name: {{ .Values.name }}\n  namespace: shop\n", "shop", "cart", true),
            ("  name: {{ .Values.name }}\n  namespace: shop\n", "web", "cart", false),
            ("  name: {{ .Values.name }}-db\n  namespace: shop\n", "shop", "cart-db", true),
            ("  name: {{ .Values.name }}-db\n  namespace: shop\n", "shop", "cart", false),
            ("  name: cart\n  labels: {a: {{ .x }}}\n", "shop", "cart", true),
            ("  name: cart\n  labels: {a: {{ .x }}}\n", "shop", "other", false),
            ("  name: cart\n  namespace: {{ .ns | quote }}\n", "shop", "cart", true),
            ("  {name: ${NAME}-a, namespace: shop}\n", "shop", "b-a", true),
            ("  {name: ${NAME}-a, namespace: shop}\n", "shop", "b", false),
        ] {
            let text = service(metadata, "80");
            assert_eq!(may_be(&text, namespace, name), expected, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_a_template_has_resources_as_well() {
        let metadata = "  name: {{ include \"chart.name\" . }}\n  namespace: shop\n";
        let text = format!(
            "{{{{- if .Values.on }}}}\n{}{{{{- end }}}}\n",
            service(metadata, "{{ .port }}")
        );
        assert!(may_be(&text, "shop", "cart"));
        assert!(!may_be(&text, "web", "cart"));
    }
}
