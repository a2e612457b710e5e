"""German messages of the report."""

from __future__ import annotations

from framecloak.adapters.report.messages import Messages
from framecloak.adapters.report.messages.history import GERMAN_HISTORY
from framecloak.adapters.report.messages.search import GERMAN_SEARCH
from framecloak.adapters.report.messages.text import GERMAN_TEXT
from framecloak.domain.anonymization.model.frames import BlankReason
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, Unknown
from framecloak.domain.anonymization.model.options import Audio, Level, RedactionShape, RedactionStyle, Verify
from framecloak.domain.anonymization.model.record.provenance import SignatureState
from framecloak.domain.imaging.pixel_aspect import AspectOrigin

GERMAN = Messages(
    language="de",
    thousands=".",
    decimal=",",
    title="Schwärzungsbericht",
    lead_clean=(
        "Alle {frames} Bilder wurden in den Richtungen und Größen durchsucht, die unter Einstellungen "
        "stehen; {boxes} Bereiche darin wurden geschwärzt."
    ),
    lead_minimal=(
        "Nach Gesichtern wurde nicht gesucht. In {frames} Bildern wurden {boxes} markierte Bereiche "
        "geschwärzt."
    ),
    lead_blanked=(
        "{blanked} von {frames} Bildern konnten nicht untersucht werden oder gaben noch zu viel preis. Sie "
        "sind im Ergebnis ganz schwarz, in ihnen ist nichts zu sehen. In den übrigen wurden {boxes} "
        "Bereiche geschwärzt."
    ),
    history=GERMAN_HISTORY,
    text=GERMAN_TEXT,
    search=GERMAN_SEARCH,
    lead_rendered={
        True: (
            "In {frames} Bildern wurden {boxes} Bereiche unkenntlich gemacht. Sie stammen aus einem anderen "
            "Ergebnis und wurden von Hand bearbeitet. {blanked} Bilder sind schwarz."
        ),
        False: (
            "In {frames} Bildern wurden {boxes} Bereiche unkenntlich gemacht. "
            "Sie stammen unverändert aus einem anderen Ergebnis. {blanked} Bilder sind schwarz."
        ),
        None: (
            "In {frames} Bildern wurden {boxes} Bereiche unkenntlich gemacht. "
            "Sie stammen aus einem anderen Ergebnis. Ob sie bearbeitet wurden, ist unbekannt, denn es hat "
            "keine gültige Signatur. {blanked} Bilder sind schwarz."
        ),
    },
    numbers="In Zahlen",
    frames="Bilder im Ergebnis",
    faces="Geschwärzte Gesichter, in jedem Bild gezählt",
    tracks="Über die Zeit verfolgte Gesichter",
    inferred="Geschwärzte Gesichter, aus benachbarten Bildern erschlossen",
    texts="Geschwärzte Schrift, in jedem Bild gezählt",
    plates="Geschwärzte Kennzeichen, in jedem Bild gezählt",
    plates_by_shape="Geschwärzte Kennzeichen, an der Form ihrer Schrift erkannt",
    regions="Geschwärzte markierte Bereiche",
    blanked="Ganz schwarze Bilder",
    timeline="Wann etwas geschwärzt wurde",
    timeline_help=(
        "Jede Säule steht für einen kurzen Abschnitt des Ergebnisses; ihre Höhe ist die größte Anzahl von "
        "Bereichen, die in einem Bild dieses Abschnitts geschwärzt wurden."
    ),
    timeline_label="Geschwärzte Bereiche im Verlauf",
    timeline_most="Höchste Säule: {most}",
    silent_sound="Ton von {file}: stumm, wo markiert, {silent} von {total} Sekunden.",
    legend_found="gefundene Gesichter",
    legend_inferred="aus benachbarten Bildern erschlossene Gesichter",
    legend_writing="Schrift und Kennzeichen",
    legend_regions="von Hand markierte Bereiche",
    legend_blanked="ganz schwarze Bilder",
    settings="Einstellungen",
    scope_by_level={
        Level.MINIMAL: (
            "Von Hand markierte Bereiche wurden geschwärzt, sonst nichts. Nach Gesichtern wurde nicht "
            "gesucht."
        ),
        Level.FACES: "Von Hand markierte Bereiche und alle gefundenen Gesichter wurden geschwärzt.",
        Level.FULL: (
            "Von Hand markierte Bereiche, Gesichter, Kennzeichen und eingeblendete Schrift wurden geschwärzt."
        ),
    },
    boxes_from_manifest="Die Bereiche stammen aus dem Manifest mit dem SHA-256-Wert {digest}.",
    inherited_identities=(
        "Als dieses Manifest entstand, blieben Gesichter absichtlich sichtbar. Die Einstellungen dazu folgen."
    ),
    signatures={
        SignatureState.GENUINE: (
            "Es war von dieser Installation signiert und vor etwaigen hiesigen Bearbeitungen unverändert."
        ),
        SignatureState.CHANGED: "Es wurde verändert, nachdem diese Installation es signiert hatte.",
        SignatureState.FOREIGN: "Es war mit einem Schlüssel signiert, den diese Installation nicht kennt.",
        SignatureState.BAD: "Seine Signatur war ungültig.",
        SignatureState.NONE: "Es hatte keine Signatur.",
    },
    styles={
        RedactionStyle.SOLID: (
            "Geschwärzte Bereiche sind schwarz gefüllt. Vom ursprünglichen Inhalt ist im Ergebnis "
            "nichts mehr enthalten."
        ),
        RedactionStyle.PIXELATE: (
            "Statt schwarzer Flächen wurden grobe Mosaike gewählt. Ein Mosaik bewahrt einige gemittelte "
            "Farben des Inhalts; eine schwarze Fläche bewahrt nichts und ist die sicherere Wahl."
        ),
        RedactionStyle.BLUR: (
            "Statt schwarzer Flächen wurden weichgezeichnete Mosaike gewählt. Sie bewahren einige "
            "gemittelte Farben des Inhalts; eine schwarze Fläche bewahrt nichts und ist die sicherere "
            "Wahl."
        ),
    },
    shapes={
        RedactionShape.BOX: "Gesichter sind als Rechteck geschwärzt.",
        RedactionShape.ELLIPSE: "Gesichter sind als Ellipse geschwärzt.",
    },
    formats={
        False: "Das Ergebnis besteht aus einem {format}-Bild je Bild der Quelle, Qualität {quality}.",
        True: (
            "Das Ergebnis besteht aus Videos ({format}, H.264), Qualität {quality} von 100, mit den "
            "Bildzeiten der Quelle."
        ),
    },
    hardware_encoder=(
        "Die Videos wurden von der Hardware mit {name} kodiert. Ein anderes Gerät oder ein anderer Treiber "
        "kann dieselben Bilder in andere Bytes kodieren."
    ),
    audio={
        Audio.DROP: "Der Ton wurde weggelassen.",
        Audio.MUTE_SPEECH: "Der Ton wurde behalten und überall stummgeschaltet, wo jemand sprechen könnte.",
        Audio.KEEP: (
            "Der Ton wurde unverändert übernommen. Stimmen und gesprochene Namen können Personen "
            "erkennbar machen."
        ),
    },
    scope_regardless_of_identity={
        Level.MINIMAL: "Von Hand markierte Bereiche wurden geschwärzt, sonst nichts.",
        Level.FACES: (
            "Von Hand markierte Bereiche wurden geschwärzt, unabhängig davon, wer darin zu sehen ist."
        ),
        Level.FULL: (
            "Von Hand markierte Bereiche, Kennzeichen und eingeblendete Schrift wurden überall geschwärzt."
        ),
    },
    identities={
        IdentityMode.EXCEPT: (
            "Alle Gesichter außer denen bekannter Personen wurden geschwärzt ({faces} Vergleichsgesichter, "
            "{people}). Gesichter, die sich nicht sicher zuordnen ließen, wurden geschwärzt."
        ),
        IdentityMode.ONLY: (
            "Nur Gesichter bekannter Personen wurden geschwärzt ({faces} Vergleichsgesichter, {people}). "
            "Andere Gesichter sind im Ergebnis zu sehen."
        ),
    },
    unknown={
        Unknown.REDACT: "Gesichter, die sich nicht sicher zuordnen ließen, wurden geschwärzt.",
        Unknown.KEEP: "Gesichter, die sich nicht sicher zuordnen ließen, blieben sichtbar.",
    },
    identity_evidence=(
        "Wem ein Gesicht gehört, wurde etwa dreimal pro Sekunde anhand mehrerer Bilder mit {model} "
        "entschieden. Ab einer Ähnlichkeit von {threshold} galten zwei Gesichter als die derselben Person."
    ),
    people="Zuordnung der Gesichter",
    no_people_decided="Es wurden keine Gesichter gefunden.",
    faces_left_visible=(
        "{kept}-mal blieb ein Gesicht sichtbar, in jedem Bild gezählt, auf {tracks} Spuren. Wo sich zwei "
        "Bereiche überdecken, hat die Schwärzung Vorrang. Diese Stellen zuerst ansehen:"
    ),
    decided_before=(
        "Diese Entscheidungen wurden zusammen mit den Bereichen aus dem anderen Ergebnis übernommen. Seitdem "
        "können Gesichter von Hand verdeckt oder aufgedeckt worden sein."
    ),
    decisions={
        Decision.KNOWN: "bekannt",
        Decision.STRANGER: "jemand anderes",
        Decision.UNCERTAIN: "unsicher",
    },
    decision="Entscheidung",
    similarity="Ähnlichkeit",
    views="Ansichten",
    was_kept="sichtbar",
    was_redacted="geschwärzt",
    threshold=(
        "Berücksichtigt wurden Funde ab einem Wert von {threshold}; welchen Wert ein Fund braucht, hängt "
        "von den benachbarten Bildern ab."
    ),
    search_for_text=(
        "Nach Schrift und Kennzeichen wurde in jedem Einzelbild gesucht und in Videos in jedem Bild, dessen "
        "Nummer ein Vielfaches von {every} ist, sowie überall, wo sich das Bild ändert; dazwischen wurden "
        "sie verfolgt. Schrift in der Form eines Kennzeichens zählt als Kennzeichen."
    ),
    kept_text=(
        "In markierten Bereichen ({areas}) blieb Schrift absichtlich lesbar. Gesichter darin wurden "
        "geschwärzt. Namen und Daten, die dort stehen, können Menschen erkennbar machen."
    ),
    pixel_aspects={
        AspectOrigin.DECLARED: (
            "Laut Datei sind die Pixel der Quelle nicht quadratisch ({aspect}). Durchsucht wurde sie in der "
            "Form, in der Abspielprogramme sie zeigen; die Bilder im Ergebnis behalten die gespeicherte "
            "Größe."
        ),
        AspectOrigin.OPTION: (
            "Vorgegeben war das Pixelseitenverhältnis {aspect}. In dieser Form wurde die Quelle durchsucht; "
            "die Bilder im Ergebnis behalten die gespeicherte Größe."
        ),
        AspectOrigin.IMPLAUSIBLE: (
            "Das Pixelseitenverhältnis, das in der Datei steht, kann nicht stimmen. Die Quelle wurde "
            "durchsucht, als wären ihre Pixel quadratisch."
        ),
    },
    aspect_hint=(
        "In einer Quelle sind Gesichter mit dem Pixelseitenverhältnis {aspect} leichter zu finden. Sie ist "
        "wohl gestaucht gespeichert, und Gesichter können übersehen worden sein. Schwärzen Sie sie noch "
        "einmal mit diesem Verhältnis (--pixel-aspect) oder mit dem aus dem Handbuch der Kamera."
    ),
    turned_hint=(
        "Fast alle Gesichter einer Quelle stehen erst aufrecht, wenn man sie um {degrees} Grad im "
        "Uhrzeigersinn dreht. Dem Video ist wohl die Angabe seiner Drehung verloren gegangen. Gedrehte "
        "Gesichter werden weniger zuverlässig gefunden. Drehen Sie die Quelle und schwärzen Sie sie noch "
        "einmal."
    ),
    dropped_video_tracks=(
        "Eine Quelle hat mehrere Videospuren. Geschwärzt wurde nur die, die Abspielprogramme zuerst zeigen; "
        "die übrigen sind im Ergebnis nicht enthalten: {count}."
    ),
    sources="Quellen",
    source="Quelle",
    size="Größe",
    rate="Bilder pro Sekunde",
    frames_written="Bilder im Ergebnis",
    marked_regions="Markierte Bereiche",
    digest="SHA-256",
    whole_source="alle {count}",
    still_image="Einzelbild",
    blanks="Schwarze Bilder",
    no_blanks=(
        "Keine. Jedes Bild ließ sich durchsuchen, und bei keinem ergab eine Prüfung, dass es zu viel "
        "preisgab."
    ),
    some_blanks=(
        "Diese Bilder sind in der Quelle beschädigt, konnten nicht untersucht werden oder gaben bei der "
        "erneuten Suche noch zu viel preis. Sie sind im Ergebnis ganz schwarz."
    ),
    blank_reason="Grund",
    blank_reasons={
        BlankReason.NOT_DECODED: "in der Quelle beschädigt",
        BlankReason.NOT_SEARCHED: "konnte nicht untersucht werden",
        BlankReason.RESIDUALS: "ein Gesicht blieb erkennbar",
        BlankReason.NAME_READABLE: "ein Name blieb lesbar",
    },
    frame_range="Bilder {first} bis {last}",
    one_frame="Bild {first}",
    more="… und {count} weitere; manifest.json nennt alle.",
    gaps="Gefüllte Lücken",
    no_gaps="Keine. Kein Gesicht ging zwischen zwei Bildern verloren, in denen es gefunden wurde.",
    some_gaps=(
        "{count}-mal ging ein Gesicht eine Weile verloren und wurde wiedergefunden. In {frames} "
        "Bildern wurde es an der erschlossenen Stelle geschwärzt. Die längsten Lücken:"
    ),
    length="Bilder",
    track="Spur",
    where="Wo",
    weakest="Schwächste Belege",
    no_tracks="Es wurden keine Gesichter verfolgt.",
    weakest_help=(
        "Diese Spuren haben die niedrigsten Werte und die wenigsten Funde. Es kann sich um etwas anderes "
        "als Gesichter handeln; geschwärzt sind sie alle. Diese Stellen zuerst ansehen."
    ),
    weak_frames="Bilder mit schwachen Belegen",
    weak_frames_help=(
        "In diesen Bildern ist ein Gesicht nur aus schwachem Grund verdeckt: Es wurde nie sicher gefunden, "
        "oder sein Kopf wurde anhand seiner Bildpunkte bis zur Grenze verfolgt. Davor oder danach kann etwas "
        "unverdeckt sein."
    ),
    no_weak_frames="Keine.",
    best_score="Bester Wert",
    detected_in="Gefunden in",
    redacted_in="Geschwärzt in",
    thumbnails_help=(
        "Die Ausschnitte stammen aus den geschwärzten Bildern und zeigen nichts, was nicht auch im Ergebnis "
        "zu sehen ist."
    ),
    residuals="Prüfung auf verbliebene Gesichter",
    no_residual_check="Die geschwärzten Bilder wurden nicht ein zweites Mal durchsucht.",
    residual_scope={
        Verify.SAMPLE: (
            "Jedes zehnte geschwärzte Bild wurde so, wie es im Ergebnis steht, nochmals nach Gesichtern "
            "durchsucht. Andere Bilder neben einer gefüllten Lücke wurden rund um das verlorene Gesicht "
            "durchsucht."
        ),
        Verify.ALL: (
            "Jedes geschwärzte Bild wurde so, wie es im Ergebnis steht, nochmals nach Gesichtern durchsucht."
        ),
    },
    residuals_help=(
        "Gefundene Gesichter, die zu viel preisgaben, wurden mit breiterem Rand schwarz gefüllt; dann wurde "
        "das Bild erneut durchsucht, bis zu dreimal. Ein Bild, das danach noch ein Gesicht zeigte oder sich "
        "nicht durchsuchen ließ, ist im Ergebnis schwarz."
    ),
    residuals_compared=(
        "Wo an der Stelle eines entfernten Gesichts etwas gefunden wurde, wurde es mit {model} mit diesem "
        "Gesicht verglichen. Die Ähnlichkeit zweier Bilder verschiedener Menschen liegt meist unter {limit}."
    ),
    residuals_not_compared=(
        "Es ist kein Modell zur Gesichtserkennung installiert. Funde wurden daher nicht mit den entfernten "
        "Gesichtern verglichen."
    ),
    residual_frames="Nochmals durchsuchte Bilder",
    residual_gap_frames="Neben gefüllten Lücken durchsuchte Bilder",
    residuals_before="Darin gefundene Gesichter, die zu viel preisgaben",
    residuals_after="Nach erneuter Schwärzung verbliebene Gesichter",
    residual_redacted_again="Nochmals geschwärzte Bilder",
    residual_blanked="Aufgrund dieser Suche ganz geschwärzte Bilder",
    similarity_before="Höchste Ähnlichkeit mit einem entfernten Gesicht",
    similarity_after="Höchste Ähnlichkeit im Ergebnis",
    nothing_compared="nichts zu vergleichen",
    models="Modelle",
    no_models="Keine: Nach Gesichtern wurde nicht gesucht.",
    model="Modell",
    licence="Lizenz",
    runs_on="Ausgeführt auf",
    check="Wie sich dieses Ergebnis prüfen lässt",
    check_help=(
        "manifest.json führt jedes Bild mit seinem SHA-256-Wert auf, in einer Kette, in der kein Bild "
        "unbemerkt geändert, verschoben, hinzugefügt oder weggelassen werden kann. Auch der SHA-256-Wert "
        "dieses Berichts steht darin. manifest.sig enthält die Signatur dazu, mit dem Schlüssel der "
        "Installation, die das Ergebnis erstellt hat."
    ),
    check_steps=(
        (
            "Den öffentlichen Schlüssel beim Betreiber dieser Installation anfordern, getrennt von dieser "
            "Datei: <code>framecloak signing-key &gt; key.pem</code>"
        ),
        "Die ZIP-Datei offline prüfen: <code>framecloak verify OUT.zip --key key.pem</code>",
    ),
    key="Schlüssel",
    videos="Videos",
    video="Video",
    limits="Grenzen dieses Berichts",
    limits_help=(
        "Er hält fest, was gefunden und geschwärzt wurde. Er schließt nicht aus, dass etwas übersehen "
        "wurde oder dass jemand an Kleidung, Gang, Stimme oder Umgebung erkannt wird. Sehen Sie das "
        "Ergebnis an, bevor Sie es weitergeben."
    ),
    made_with="Erstellt mit {tool}. Diese Seite braucht keine Netzverbindung und enthält keine Skripte.",
)
