package dev.codebank.connect;

/** The version of this plug-in, as Connect's REST API shows it. */
final class Version {
    private Version() {
    }

    /** Returns the jar's implementation version, or {@code development} if the classes do not come from a jar. */
    static String current() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }
}
