/// One change of one object, at its place in the log.
package struct Event: Hashable, Sendable {
    /// Indirect: an event is handed to every watcher, and a copy of it is then one reference.
    package indirect enum Object: Hashable, Sendable {
        case instance(Instance)
        case job(Job)
    }

    package var revision: Revision
    package var object: Object

    package init(revision: Revision, object: Object) {
        self.revision = revision
        self.object = object
    }
}
