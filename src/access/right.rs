//! What requests need, and what scopes grant.

/// What a request needs to be let in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nothing: everyone may ask it, whatever the settings.
    Open,
    /// To ask what tells of products, and of no person but what the question itself tells.
    Browse,
    /// To ask what a page shows to one visitor: the profile and the recommendations of a user.
    Visitor,
    /// To ask anything else.
    Read,
    /// To add events.
    Record,
    /// To change who is whom, and what is known of users and products.
    Write,
    /// To change how the engine works.
    Admin,
}

impl Right {
    /// Whether it is a right to change something.
    pub fn changes(self) -> bool {
        matches!(self, Right::Record | Right::Write | Right::Admin)
    }
}

/// What a token grants. Each from [`Scope::Read`] on grants what the one before it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// For browsers, where everyone can read it: to add events, and to ask by products.
    Public,
    /// To ask anything.
    Read,
    /// To add events, and to change users and products as well.
    Write,
    /// Everything.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 4] = [Scope::Public, Scope::Read, Scope::Write, Scope::Admin];

    /// The scope of a name.
    pub fn of_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// The name of the scope.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Public => "public",
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }

    /// Whether the scope grants a right.
    pub fn grants(self, right: Right) -> bool {
        match right {
            Right::Open | Right::Browse => true,
            Right::Visitor | Right::Read => self >= Scope::Read,
            Right::Record => self == Scope::Public || self >= Scope::Write,
            Right::Write => self >= Scope::Write,
            Right::Admin => self >= Scope::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_grants_what_its_name_says() {
        let rights = [
            Right::Open,
            Right::Browse,
            Right::Visitor,
            Right::Read,
            Right::Record,
            Right::Write,
            Right::Admin,
        ];
        for (scope, expected) in [
            (Scope::Public, [true, true, false, false, true, false, false]),
            (Scope::Read, [true, true, true, true, false, false, false]),
            (Scope::Write, [true, true, true, true, true, true, false]),
            (Scope::Admin, [true, true, true, true, true, true, true]),
        ] {
            assert_eq!(rights.map(|right| scope.grants(right)), expected, "{scope:?}");
            assert_eq!(Scope::of_name(scope.name()), Some(scope));
        }
        assert_eq!(Scope::of_name("root"), None);
    }
}
