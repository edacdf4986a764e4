"""Word lists of the recognizers."""

from __future__ import annotations

_STREET = """
    alley anex apartments av ave avenue bayou beach bend bluff bluffs blvd bottom boulevard branch bridge broadway
    brook brooks burg bypass camp canyon cape causeway center centers chowk cir circle circles cliff cliffs close
    club colony common corner corners course court cove coves creek cres crescent crest crossing ct curve dale dam
    divide dr drive drives enclave esplanade estate estates expressway extension falls ferry field fields flat flats
    ford forest forge fork forks fort freeway garden gardens gateway gdns glen green grove groves harbor harbors
    harbour haven heights highway hill hills hollow hwy inlet island islands isle junction key keys knoll knolls
    lake lakes land landing lane layout light lights ln loaf locks lodge loop manor manors marg meadow meadows mews
    mill mills mission motorway mount mountain mountains nagar neck orchard oval overpass parade park parks parkway
    parkways pass passage path pike pines pkwy pl place plain plains plaza point points port prairie quay radial
    ramp ranch rapid rapids rd rest ridge ridges rise river road roads route row run shoal shoals shore shores
    skyway spring springs spur sq square squares st station str stravenue stream street streets summit ter terrace
    throughway towers trace track trafficway trail trails tunnel turnpike underpass union unions vale valley valleys
    viaduct view views village villages ville vista walk walks walls way ways well wells wharf
"""
STREET = frozenset(_STREET.split())
"""What the last word of a street line can be."""

_ORDINARY = """
    a accepted also always an and asking being blocked broken but case changed correct denied different expired fine
    for forgotten gone good in incorrect invalid it locked long longer lost missing my never new no not now ok okay
    old on only out protected refused rejected required reset right same saved sent set short so something still
    strong stuck that the there too unknown up weak what working wrong
"""
ORDINARY = frozenset(_ORDINARY.split())
"""What may follow `password is` without being one."""

_ALSO_WORDS = """
    abbot amber angel apple april art august austin baker banks baron basil bean bell ben berry bill bird bishop
    black bob brook brooke brooks brown buck carol carter case cash chance chase chelsea chip christian cliff cook
    crystal daisy dale dallas dan dawn day dean denim destiny don drew duke earl faith field fisher florence forest
    fox frank gene ginger glen gold grace grant gray green grey guy harmony heath heather hill holly hope hunter
    iris israel ivy jack jade jan jean jordan joy june king lance lane lily little london long love major mark mason
    max may melody miles nick olive page paris pat pearl penny pepper pierce pope potter price prince queen rainy
    randy ray rice rich rivers rob rock rose ruby rusty sage sam sandy short silver skip sky small smith star steel
    stone stormy sue summer sunny sydney taylor tom trip turner victoria violet wade walker waters white will windy
    wolf wood woods young
"""
ALSO_WORDS = frozenset(_ALSO_WORDS.split())
"""Given and family names that are ordinary words too."""

_AFTER = """
    and but can for from has have i in is it my not on or please pls plz so thank thanks that the to was when where
    why
"""
AFTER = frozenset(_AFTER.split())
"""What may follow a bare number that is no quantity."""

_NOBODY = """
    acc account acct amex arabic argentina arigato asap atm australia austria bangladesh belgium bic bonjour brazil
    bulgaria canada cell chile china chinese ciao colombia croatia cvc cvv cyprus czechia danish danke december
    denmark dob dutch egypt email england english estonia eu europe faq fax february finland finnish france french
    friday german germany ghana gracias grazie greece greek gst hallo hej hindi hola hungary iban iceland id india
    indonesia iran iraq ireland italian italy january japan japanese july kenya korean kyc latvia lithuania mail
    malaysia malta march mastercard merci mexico mob mobile moin monday morocco namaste nepal netherlands nigeria
    norway norwegian november nr obrigado october ola otp pakistan paypal pdf peru ph philippines phone pin po
    poland polish portugal portuguese postcode pw pwd qty ref rma romania russia russian salam salut saturday
    scotland sepa september serbia servus singapore sku slovakia slovenia sms spain spanish spasibo ssn sunday
    sweden swedish swift switzerland taiwan tel tele thailand thursday tuesday turkey turkish uae uganda uk ukraine
    us usa usb vat venezuela vietnam visa wales wednesday zip
"""
NOBODY = frozenset(_NOBODY.split())
"""Words of forms, greetings, weekdays, languages and countries: no word of a name or a town."""
