//! The order of the modules of a crate, as `docs/architecture.md` lists it.
//!
//! A fenced block whose info string is `layers CRATE`, or `layers CRATE::MODULE`, lists the modules declared there, bottom
//! first. A module may import from the lines above its own in the block, which are the layers below it. Modules on one
//! line are siblings: none may import another.

use std::collections::BTreeSet;

use super::tree::{Arrow, CrateTree};

/// The layers of one crate or module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Name of the crate, with the dashes of its package.
    pub(super) package: String,
    /// Path of the module below the crate; empty for the crate itself.
    pub(super) module: Vec<String>,
    /// Names per layer, bottom first.
    layers: Vec<Vec<String>>,
}

/// Reads the blocks of a page.
pub(super) fn read(page: &str) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    let mut is_inside = false;
    for line in page.lines().map(str::trim) {
        if is_inside && line.starts_with("```") {
            is_inside = false;
        } else if let Some(name) = line.strip_prefix("```layers").filter(|_| !is_inside) {
            is_inside = true;
            let mut path = name.trim().split("::").map(str::to_owned);
            let package = path.next().unwrap_or_default();
            orders.push(Order { package, module: path.collect(), layers: Vec::new() });
        } else if is_inside {
            let code = line.split('#').next().unwrap_or(line);
            let names: Vec<String> =
                code.split([' ', '|', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
            if let Some(order) = orders.last_mut().filter(|_| !names.is_empty()) {
                order.layers.push(names);
            }
        }
    }
    orders
}

impl Order {
    /// Returns one line per difference between the modules that are listed and those that are declared.
    pub(super) fn differences(&self, tree: &CrateTree) -> Vec<String> {
        let module: Vec<&str> = self.module.iter().map(String::as_str).collect();
        let at = std::iter::once(&self.package).chain(&self.module).cloned().collect::<Vec<_>>().join("::");
        let Some(declared) = tree.children(&module) else {
            return vec![format!("{at} is listed, but there is no such module")];
        };
        let declared: BTreeSet<&str> = declared.into_iter().collect();
        let listed: BTreeSet<&str> = self.layers.iter().flatten().map(String::as_str).collect();
        let missing =
            listed.difference(&declared).map(|name| format!("{at}::{name} is listed, but there is no such module"));
        let unlisted = declared.difference(&listed).map(|name| format!("{at}::{name} is in no layer"));
        missing.chain(unlisted).collect()
    }

    /// Returns why an arrow is against the order, or `None` if it is not.
    pub(super) fn violation(&self, tree: &CrateTree, arrow: &Arrow) -> Option<String> {
        let name = |file| {
            let path = tree.path_of(file);
            let is_below = path.len() > self.module.len() && path.iter().zip(&self.module).all(|(a, b)| a == b);
            is_below.then(|| path[self.module.len()])
        };
        let (from, to) = (name(&arrow.from)?, name(&arrow.to)?);
        let height = |name: &str| self.layers.iter().position(|layer| layer.iter().any(|other| other == name));
        let (from_height, to_height) = (height(from)?, height(to)?);
        match from_height.cmp(&to_height) {
            _ if from == to => None,
            std::cmp::Ordering::Greater => None,
            std::cmp::Ordering::Equal => Some(format!("`{from}` and `{to}` are siblings")),
            std::cmp::Ordering::Less => Some(format!("`{from}` is below `{to}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_by_their_names() {
        let page =
            "# A\n```text\nx\n```\n```layers a-crate\nerror # first\n\nauth | cache\n```\n```layers b::c\nd e\n```\n";
        let orders = read(page);
        assert_eq!(orders.len(), 2);
        assert_eq!(orders[0].package, "a-crate");
        assert_eq!(orders[0].layers, [vec!["error".to_owned()], vec!["auth".to_owned(), "cache".to_owned()]]);
        assert_eq!((orders[1].package.as_str(), &orders[1].module), ("b", &vec!["c".to_owned()]));
    }
}
