"""The report in German."""

from __future__ import annotations

from framecloak.adapters.report.words import Words
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, Unknown
from framecloak.domain.anonymization.model.options import Audio, Level, RedactionShape, RedactionStyle, Verify
from framecloak.domain.anonymization.model.provenance import SignatureState

GERMAN = Words(
    language="de",
    thousands=".",
    decimal=",",
    title="Schwärzungsbericht",
    lead_clean="Alle {frames} Bilder wurden untersucht, {boxes} Bereiche darin wurden geschwärzt.",
    lead_minimal="Ohne Suche nach Gesichtern: In {frames} Bildern {boxes} markierte Bereiche geschwärzt.",
    lead_blanked=(
        "{blanked} von {frames} Bildern konnten nicht untersucht werden oder zeigten zu viel. Sie sind im "
        "Ergebnis ganz schwarz, in ihnen ist nichts zu sehen. In den übrigen wurden {boxes} Bereiche "
        "geschwärzt."
    ),
    lead_rendered={
        True: (
            "Es wurde nach nichts gesucht. In {frames} Bildern wurden {boxes} Bereiche unkenntlich gemacht. "
            "Sie stammen aus einem anderen Ergebnis und wurden bearbeitet. {blanked} Bilder sind schwarz."
        ),
        False: (
            "Es wurde nach nichts gesucht. In {frames} Bildern wurden {boxes} Bereiche unkenntlich gemacht. "
            "Sie stammen unverändert aus einem anderen Ergebnis. {blanked} Bilder sind schwarz."
        ),
        None: (
            "Es wurde nach nichts gesucht. In {frames} Bildern wurden {boxes} Bereiche unkenntlich gemacht. "
            "Sie stammen aus einem anderen Ergebnis; ob sie bearbeitet wurden, ist unbekannt, denn es hat "
            "keine gültige Unterschrift. {blanked} Bilder sind schwarz."
        ),
    },
    numbers="In Zahlen",
    frames="Bilder im Ergebnis",
    faces="Geschwärzte Gesichter, in jedem Bild gezählt",
    tracks="Über die Zeit verfolgte Gesichter",
    inferred="der geschwärzten Gesichter aus benachbarten Bildern erschlossen",
    texts="Geschwärzte Schrift, in jedem Bild gezählt",
    plates="Geschwärzte Kennzeichen, in jedem Bild gezählt",
    plates_by_shape="der Kennzeichen an der Form ihrer Schrift erkannt",
    regions="Geschwärzte markierte Bereiche",
    blanked="Ganz schwarze Bilder",
    timeline="Wann etwas geschwärzt wurde",
    timeline_help=(
        "Jede Säule ist ein kurzer Abschnitt des Ergebnisses; ihre Höhe ist die größte Zahl von "
        "Bereichen, die in einem seiner Bilder zugleich geschwärzt wurden."
    ),
    timeline_label="Geschwärzte Bereiche im Verlauf",
    timeline_most="Höchste Säule: {most}",
    legend_found="gefundene Gesichter",
    legend_inferred="aus benachbarten Bildern erschlossene Gesichter",
    legend_writing="Schrift und Kennzeichen",
    legend_regions="von Hand markierte Bereiche",
    legend_blanked="ganz schwarze Bilder",
    settings="Was verlangt war",
    levels={
        Level.MINIMAL: (
            "Von Hand markierte Bereiche wurden geschwärzt, sonst nichts. Nach Gesichtern wurde nicht "
            "gesucht."
        ),
        Level.FACES: "Von Hand markierte Bereiche und alle gefundenen Gesichter wurden geschwärzt.",
        Level.FULL: (
            "Von Hand markierte Bereiche, Gesichter, Kennzeichen und eingeblendete Schrift wurden geschwärzt."
        ),
    },
    rendered="Die Bereiche stammen aus dem Manifest mit der SHA-256 {digest}.",
    rendered_people=(
        "Als jenes Manifest entstand, blieben Gesichter absichtlich sichtbar; es folgt, was es darüber sagt."
    ),
    signatures={
        SignatureState.GENUINE: (
            "Es war von dieser Installation unterschrieben und vor Bearbeitungen hier unverändert."
        ),
        SignatureState.CHANGED: "Es wurde verändert, nachdem diese Installation es unterschrieben hatte.",
        SignatureState.FOREIGN: (
            "Es war mit einem Schlüssel unterschrieben, den diese Installation nicht kennt."
        ),
        SignatureState.BAD: "Seine Unterschrift war ungültig.",
        SignatureState.NONE: "Es kam ohne Unterschrift.",
    },
    styles={
        RedactionStyle.SOLID: (
            "Geschwärzte Bereiche sind schwarz gefüllt. Vom ursprünglichen Inhalt ist im Ergebnis "
            "nichts mehr enthalten."
        ),
        RedactionStyle.PIXELATE: (
            "Statt schwarzer Flächen wurden grobe Mosaike gewählt. Ein Mosaik behält einige mittlere "
            "Farben des Inhalts; eine schwarze Fläche behält nichts und ist die sicherere Wahl."
        ),
        RedactionStyle.BLUR: (
            "Statt schwarzer Flächen wurden weichgezeichnete Mosaike gewählt. Sie behalten einige "
            "mittlere Farben des Inhalts; eine schwarze Fläche behält nichts und ist die sicherere "
            "Wahl."
        ),
    },
    shapes={
        RedactionShape.BOX: "Gesichter sind als Rechteck geschwärzt.",
        RedactionShape.ELLIPSE: "Gesichter sind als Ellipse geschwärzt.",
    },
    formats={
        False: "Das Ergebnis ist ein {format}-Bild für jedes Einzelbild, Qualität {quality}.",
        True: (
            "Das Ergebnis sind Filme ({format}, H.264), Qualität {quality} von 100, mit den Bildzeiten "
            "der Quelle."
        ),
    },
    audio={
        Audio.DROP: "Der Ton wurde weggelassen.",
        Audio.KEEP: (
            "Der Ton wurde unverändert übernommen. Stimmen und gesprochene Namen können Personen "
            "erkennbar machen."
        ),
    },
    whoever={
        Level.MINIMAL: "Von Hand markierte Bereiche wurden geschwärzt, sonst nichts.",
        Level.FACES: "Von Hand markierte Bereiche wurden geschwärzt, wer auch darin ist.",
        Level.FULL: (
            "Von Hand markierte Bereiche, Kennzeichen und eingeblendete Schrift wurden überall geschwärzt."
        ),
    },
    identities={
        IdentityMode.EXCEPT: (
            "Alle Gesichter wurden geschwärzt außer denen bekannter Personen ({faces} Bilder von ihnen, "
            "{people}). Ein Gesicht, von dem nicht sicher ist, wem es gehört, wurde geschwärzt."
        ),
        IdentityMode.ONLY: (
            "Nur Gesichter bekannter Personen wurden geschwärzt ({faces} Bilder von ihnen, {people}). Andere "
            "Gesichter sind im Ergebnis zu sehen."
        ),
    },
    unknown={
        Unknown.REDACT: "Ein Gesicht, von dem nicht sicher ist, wem es gehört, wurde geschwärzt.",
        Unknown.KEEP: "Ein Gesicht, von dem nicht sicher ist, wem es gehört, wurde gezeigt.",
    },
    identity_evidence=(
        "Wem ein Gesicht gehört, wurde etwa dreimal je Sekunde neu entschieden, aus mehreren Bildern mit "
        "{model}; ab einer Ähnlichkeit von {threshold} galten zwei Gesichter als die einer Person."
    ),
    people="Wem die Gesichter gehören",
    no_people_decided="Es wurden keine Gesichter gefunden.",
    kept=(
        "{kept}-mal wurde ein Gesicht gezeigt, auf {tracks} Spuren. Wo sich zwei Bereiche überdecken, ist "
        "geschwärzt. Diese Stellen ansehen:"
    ),
    decided_before=(
        "Das wurde entschieden, als die Bereiche gefunden wurden, und übernommen. Seitdem können Gesichter "
        "von Hand verdeckt oder aufgedeckt worden sein."
    ),
    decisions={
        Decision.KNOWN: "bekannt",
        Decision.STRANGER: "jemand anderes",
        Decision.UNCERTAIN: "unsicher",
    },
    decided="Gehalten für",
    similarity="Ähnlichkeit",
    views="Ansichten",
    was_kept="gezeigt",
    was_redacted="geschwärzt",
    threshold=(
        "Berücksichtigt wurden Funde ab einem Wert von {threshold}; wie sicher ein Fund sein muss, "
        "hängt von den Bildern um ihn herum ab."
    ),
    looked=(
        "Jedes Bild wurde ganz nach Gesichtern durchsucht. Ein Gesicht, das in einigen Bildern übersehen "
        "wurde, ist auch dort geschwärzt, wenn es davor und danach gefunden wurde."
    ),
    looked_for_text=(
        "Nach Schrift und Kennzeichen wurde in jedem Einzelbild gesucht und in Filmen in jedem Bild, dessen "
        "Nummer ein Vielfaches von {every} ist, sowie überall, wo sich das Bild ändert; dazwischen wurden "
        "sie verfolgt. Schrift von der Form eines Kennzeichens zählt als eines."
    ),
    kept_text=(
        "In markierten Bereichen ({areas}) blieb Schrift absichtlich lesbar. Gesichter darin wurden "
        "geschwärzt. Namen und Daten, die dort stehen, können Menschen erkennbar machen."
    ),
    sources="Quellen",
    source="Quelle",
    size="Größe",
    rate="Bilder je Sekunde",
    written="Bilder im Ergebnis",
    marked="Markierte Bereiche",
    digest="SHA-256",
    whole_source="alle {count}",
    picture="Einzelbild",
    blanks="Schwarze Bilder",
    no_blanks="Keine. Jedes Bild konnte untersucht werden, und keines zeigte zu viel.",
    some_blanks=(
        "Diese Bilder sind in der Quelle beschädigt, konnten nicht untersucht werden oder zeigten bei der "
        "zweiten Suche noch zu viel. Sie sind im Ergebnis ganz schwarz."
    ),
    frame_range="Bilder {first} bis {last}",
    one_frame="Bild {first}",
    more="… und {count} weitere; manifest.json nennt alle.",
    gaps="Gefüllte Lücken",
    no_gaps="Keine. Kein Gesicht ging zwischen zwei Bildern verloren, in denen es gefunden wurde.",
    some_gaps=(
        "{count}-mal ging ein Gesicht eine Weile verloren und wurde wieder gefunden. In {frames} "
        "Bildern wurde geschwärzt, wo es gewesen sein muss. Die längsten Lücken:"
    ),
    length="Bilder",
    track="Spur",
    where="Wo",
    weakest="Schwächste Belege",
    no_tracks="Es wurden keine Gesichter verfolgt.",
    weakest_help=(
        "Diese Spuren haben die niedrigsten Werte und die wenigsten Funde. Es kann etwas anderes sein "
        "als ein Gesicht; geschwärzt sind sie alle. Diese Stellen zuerst ansehen."
    ),
    best_score="Bester Wert",
    seen="Gefunden in",
    redacted="Geschwärzt in",
    thumbnails_help=(
        "Die Bilder stammen aus den geschwärzten Bildern. Sie zeigen nichts, was nicht im Ergebnis steht."
    ),
    proof="Nachweis der Schwärzung",
    no_proof="Die geschwärzten Bilder wurden nicht ein zweites Mal durchsucht.",
    searched={
        Verify.SAMPLE: (
            "Jedes zehnte geschwärzte Bild wurde so, wie es im Ergebnis steht, nochmals nach Gesichtern "
            "durchsucht, andere neben einer gefüllten Lücke rund um das verlorene Gesicht."
        ),
        Verify.ALL: (
            "Jedes geschwärzte Bild wurde so, wie es im Ergebnis steht, nochmals nach Gesichtern durchsucht."
        ),
    },
    proof_help=(
        "Was gefunden wurde und zu viel zeigte, wurde mit breiterem Rand schwarz gefüllt und das Bild "
        "erneut durchsucht, bis zu dreimal. Ein Bild, das dann noch ein Gesicht zeigte oder sich nicht "
        "durchsuchen ließ, ist im Ergebnis schwarz."
    ),
    compared=(
        "Wo etwas gefunden wurde, wurde mit {model} verglichen, was an der Stelle eines entfernten Gesichts "
        "übrig ist. Zwei Bilder verschiedener Menschen bleiben meist unter {limit}."
    ),
    not_compared=(
        "Ein Modell zum Wiedererkennen ist nicht installiert; was gefunden wurde, wurde nicht mit den "
        "entfernten Gesichtern verglichen."
    ),
    proof_frames="Nochmals durchsuchte Bilder",
    proof_gaps="Neben gefüllten Lücken durchsuchte Bilder",
    proof_before="Darin gefundene Gesichter, die zu viel zeigten",
    proof_after="Nach erneuter Schwärzung noch gefunden",
    proof_again="Nochmals geschwärzte Bilder",
    proof_blanked="Durch diese Suche schwarze Bilder",
    similarity_before="Höchste Ähnlichkeit mit einem entfernten Gesicht",
    similarity_after="Höchste Ähnlichkeit im Ergebnis",
    nothing_compared="nichts zu vergleichen",
    models="Modelle",
    no_models="Keine: Nach Gesichtern wurde nicht gesucht.",
    model="Modell",
    licence="Lizenz",
    runs_on="Lief auf",
    check="Wie sich dieses Ergebnis prüfen lässt",
    check_help=(
        "manifest.json führt jedes Bild mit seinem SHA-256 auf, in einer Kette, in der kein Bild "
        "unbemerkt geändert, verschoben, hinzugefügt oder weggelassen werden kann. Auch der SHA-256 "
        "dieses Berichts steht darin. manifest.sig unterschreibt es mit dem Schlüssel der "
        "Installation, die es erstellt hat."
    ),
    check_steps=(
        (
            "Den öffentlichen Schlüssel vom Betreiber dieser Installation holen, nicht zusammen mit "
            "dieser Datei: <code>framecloak signing-key &gt; key.pem</code>"
        ),
        "Die ZIP-Datei ohne Netz prüfen: <code>framecloak verify OUT.zip --key key.pem</code>",
    ),
    key="Schlüssel",
    films="Filme",
    film="Film",
    limits="Was dieser Bericht nicht sagt",
    limits_help=(
        "Er hält fest, was gefunden und geschwärzt wurde. Er schließt nicht aus, dass etwas übersehen "
        "wurde oder dass jemand an Kleidung, Gang, Stimme oder Umgebung erkannt wird. Sehen Sie das "
        "Ergebnis an, bevor Sie es weitergeben."
    ),
    made_with="Erstellt mit {tool}. Diese Seite braucht kein Netz und enthält keine Skripte.",
)
