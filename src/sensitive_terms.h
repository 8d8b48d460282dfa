/*
 * The words by which names of refused data are known. This list is the only
 * one: the library judges by it, and the view stakesync_sensitive_term shows it.
 *
 * A word or phrase is refused wherever it stands in a name as whole words, and
 * a part inside longer words too. A word that is refused alone has innocent
 * meanings (race, union, bank): it is refused only where nothing stands beside
 * it but neutral words. What an innocent phrase covers is not judged. Case,
 * accents, and how the words of a name are joined do not matter.
 */
#ifndef STAKESYNC_SENSITIVE_TERMS_H
#define STAKESYNC_SENSITIVE_TERMS_H

#include "sensitive.h"

typedef enum TermKind
{
	TERM_ANYWHERE,				/* a word or a phrase */
	TERM_PART,
	TERM_ALONE,
	TERM_INNOCENT,
	TERM_NEUTRAL
} TermKind;

typedef struct TermRow
{
	int			category;		/* SENSITIVE_COUNT for neutral words */
	const char *language;		/* ISO 639-1, or * for several */
	TermKind	kind;
	const char *terms;			/* joined with a comma and a blank */
	const char *note;
} TermRow;

static const TermRow term_rows[] = {
	/* Ethnic origin */
	{SENSITIVE_ETHNIC_ORIGIN, "en", TERM_ANYWHERE, "ethnicity, ethnicities, ethnic origin, ethnic group, ethnic background, ethnic minority, ethnic category, racial, racial origin, race ethnicity, race group, national origin, hispanic or latino, caste, indigenous status"},
	{SENSITIVE_ETHNIC_ORIGIN, "en", TERM_ALONE, "race, races, ethnic, tribe, skin color, skin colour, hispanic, latino, aboriginal, indigenous, ancestry", "contests, themes and place names are no origin"},
	{SENSITIVE_ETHNIC_ORIGIN, "en", TERM_INNOCENT, "race number, race start, race result", "of a runner"},
	{SENSITIVE_ETHNIC_ORIGIN, "de", TERM_PART, "ethnie, ethnisch, ethnizität, volkszugehörigkeit, rassisch"},
	{SENSITIVE_ETHNIC_ORIGIN, "de", TERM_ALONE, "rasse, hautfarbe, abstammung"},
	{SENSITIVE_ETHNIC_ORIGIN, "fr", TERM_ANYWHERE, "ethnique, ethniques, origine raciale, couleur de peau"},
	{SENSITIVE_ETHNIC_ORIGIN, "es", TERM_ANYWHERE, "etnia, étnico, étnica, origen racial, color de piel, color de la piel"},
	{SENSITIVE_ETHNIC_ORIGIN, "es", TERM_ALONE, "raza"},
	{SENSITIVE_ETHNIC_ORIGIN, "it", TERM_ANYWHERE, "etnia, etnica, etnico, razziale, colore della pelle"},
	{SENSITIVE_ETHNIC_ORIGIN, "it", TERM_ALONE, "razza"},
	{SENSITIVE_ETHNIC_ORIGIN, "nl", TERM_PART, "etniciteit, etnisch"},
	{SENSITIVE_ETHNIC_ORIGIN, "nl", TERM_ALONE, "ras, huidskleur"},
	{SENSITIVE_ETHNIC_ORIGIN, "pt", TERM_ANYWHERE, "etnia, étnica, étnico, origem racial, cor da pele, cor raça, raça cor"},
	{SENSITIVE_ETHNIC_ORIGIN, "pt", TERM_ALONE, "raça"},

	/* Political opinions */
	{SENSITIVE_POLITICAL, "en", TERM_ANYWHERE, "political affiliation, political party, political opinion, political view, political belief, political leaning, political orientation, political preference, political membership, political donation, party affiliation, party membership, party member, voting preference, voter registration", "a politically exposed person is a matter of law, no opinion"},
	{SENSITIVE_POLITICAL, "en", TERM_ALONE, "political, politics"},
	{SENSITIVE_POLITICAL, "en", TERM_INNOCENT, "third party member", "of a contract"},
	{SENSITIVE_POLITICAL, "de", TERM_PART, "parteizugehörigkeit, parteimitglied, parteibuch"},
	{SENSITIVE_POLITICAL, "de", TERM_ANYWHERE, "politische gesinnung, politische meinung, politische überzeugung, politische zugehörigkeit, politische einstellung, politische ansichten, politische partei, politische orientierung"},
	{SENSITIVE_POLITICAL, "de", TERM_ALONE, "partei"},
	{SENSITIVE_POLITICAL, "fr", TERM_ANYWHERE, "opinion politique, opinions politiques, parti politique, affiliation politique, appartenance politique, orientation politique, convictions politiques"},
	{SENSITIVE_POLITICAL, "es", TERM_ANYWHERE, "afiliación política, partido político, opinión política, opiniones políticas, ideología política, orientación política, militancia política"},
	{SENSITIVE_POLITICAL, "es", TERM_ALONE, "ideología, militancia"},
	{SENSITIVE_POLITICAL, "it", TERM_ANYWHERE, "opinione politica, opinioni politiche, partito politico, affiliazione politica, orientamento politico, appartenenza politica, iscrizione al partito, tessera di partito"},
	{SENSITIVE_POLITICAL, "nl", TERM_PART, "partijlidmaatschap"},
	{SENSITIVE_POLITICAL, "nl", TERM_ANYWHERE, "politieke voorkeur, politieke partij, politieke overtuiging, politieke gezindheid, politieke opvatting"},
	{SENSITIVE_POLITICAL, "pt", TERM_ANYWHERE, "filiação partidária, partido político, opinião política, opiniões políticas, convicção política, convicções políticas, orientação política, filiação política, ideologia política"},

	/* Religion, and tax elections that tell it */
	{SENSITIVE_RELIGION, "*", TERM_PART, "religi", "religion, religious, religión, religione, religião, religieux, Religionszugehörigkeit"},
	{SENSITIVE_RELIGION, "en", TERM_ANYWHERE, "church tax, church membership, church affiliation, place of worship"},
	{SENSITIVE_RELIGION, "en", TERM_ALONE, "faith, church, creed, denomination", "Faith is a name, shares have denominations"},
	{SENSITIVE_RELIGION, "en", TERM_INNOCENT, "religious studies, religious education, religion teacher", "a subject that somebody teaches"},
	{SENSITIVE_RELIGION, "de", TERM_PART, "konfession, kirchensteuer, kirchenzugehörig, kirchenmitglied, kirchenaustritt, glaubensbekenntnis, glaubensgemeinschaft"},
	{SENSITIVE_RELIGION, "de", TERM_ANYWHERE, "kist merkmal, kist satz, kist pflicht, kist abzug"},
	{SENSITIVE_RELIGION, "de", TERM_ALONE, "kist, kirche, bekenntnis, glaube"},
	{SENSITIVE_RELIGION, "fr", TERM_ANYWHERE, "impôt ecclésiastique, impôt du culte, impôt d'église"},
	{SENSITIVE_RELIGION, "fr", TERM_ALONE, "confession, culte, croyance, croyances"},
	{SENSITIVE_RELIGION, "es", TERM_ANYWHERE, "impuesto eclesiástico"},
	{SENSITIVE_RELIGION, "es", TERM_ALONE, "creencia, creencias, confesión, credo"},
	{SENSITIVE_RELIGION, "it", TERM_ANYWHERE, "otto per mille, 8 per mille, ottopermille"},
	{SENSITIVE_RELIGION, "it", TERM_ALONE, "culto, fede"},
	{SENSITIVE_RELIGION, "nl", TERM_PART, "godsdienst, geloofsovertuiging, kerkgenootschap, kerkbelasting"},
	{SENSITIVE_RELIGION, "nl", TERM_ANYWHERE, "kerkelijke gezindte"},
	{SENSITIVE_RELIGION, "nl", TERM_ALONE, "geloof, levensbeschouwing"},
	{SENSITIVE_RELIGION, "pt", TERM_ALONE, "crença, crenças"},

	/* Trade unions */
	{SENSITIVE_TRADE_UNION, "en", TERM_ANYWHERE, "trade union, trades union, labor union, labour union, union member, union membership, union dues, union fee, union due, union affiliation, union local, union representative, unionized, unionised, bargaining unit", "a collective agreement binds members and others alike"},
	{SENSITIVE_TRADE_UNION, "en", TERM_ALONE, "union, unions", "streets, credit unions, the European Union"},
	{SENSITIVE_TRADE_UNION, "de", TERM_PART, "gewerkschaft"},
	{SENSITIVE_TRADE_UNION, "de", TERM_ANYWHERE, "verdi mitglied, verdi mitgliedschaft, ig metall mitglied, ig metall mitgliedschaft"},
	{SENSITIVE_TRADE_UNION, "fr", TERM_ANYWHERE, "syndicat, syndical, syndicale, syndicales, syndicaux, syndiqué, syndiquée", "a syndicate is something else"},
	{SENSITIVE_TRADE_UNION, "es", TERM_ANYWHERE, "sindicato, sindical, sindicales, sindicado, sindicada, sindicalización"},
	{SENSITIVE_TRADE_UNION, "it", TERM_ANYWHERE, "sindacato, sindacati, sindacale, sindacali"},
	{SENSITIVE_TRADE_UNION, "it", TERM_INNOCENT, "collegio sindacale, organo sindacale", "the auditors of an Italian company"},
	{SENSITIVE_TRADE_UNION, "nl", TERM_PART, "vakbond, vakvereniging, vakorganisatie"},
	{SENSITIVE_TRADE_UNION, "pt", TERM_ANYWHERE, "sindicato, sindical, sindicalizado, sindicalizada, sindicalização"},

	/* Health */
	{SENSITIVE_HEALTH, "en", TERM_ANYWHERE, "medical record, medical history, medical condition, medical info, medical information, medical data, medical note, medical file, medical leave, medical certificate, medical exam, medical examination, medical check, medical checkup, medical restriction, medical report, medical fitness, medical diagnosis, medical accommodation"},
	{SENSITIVE_HEALTH, "en", TERM_ANYWHERE, "health status, health condition, health record, health data, health info, health information, health issue, health problem, health history, health note, health declaration, health questionnaire, health checkup, health examination, mental health, health insurance number, nhs number, medicare number"},
	{SENSITIVE_HEALTH, "en", TERM_ANYWHERE, "disability, disabilities, disabled person, disabled worker, disabled employee, disabled veteran, registered disabled, severely disabled, handicapped, handicap, special needs, reasonable accommodation, reasonable accommodations, wheelchair user, incapacity", "disabled alone is an account that is switched off"},
	{SENSITIVE_HEALTH, "en", TERM_ANYWHERE, "illness, illnesses, sickness, sick leave, sick note, sick day, sick pay, sickness absence, fit note, doctors note, doctor note, allergy, allergies, blood type, blood group, blood pressure, vaccinated, covid status, covid vaccine, covid vaccination, covid test, vaccination status, menstrual leave, ptsd, pregnancy, pregnant, drug test, drug screening, alcohol test, smoker, smoking status, hiv, organ donor, work injury, workplace injury, workers comp, workers compensation, genetic data, genetic test, genetic information, genome"},
	{SENSITIVE_HEALTH, "en", TERM_ALONE, "health, medical, sick, diagnosis, diagnoses, disease, diseases, vaccine, vaccination, vaccinations, immunization, immunizations, medication, medications, prescription, therapy, injury, injuries, impairment, genetic, genetics, dna, blood, bmi, fmla, cancer", "hospitals and drug makers have teams of that name"},
	{SENSITIVE_HEALTH, "en", TERM_INNOCENT, "disability insurance, disability inclusion, disability services, disability network, disability awareness", "a benefit or a department that any employee may have"},
	{SENSITIVE_HEALTH, "en", TERM_INNOCENT, "mental health first aid, mental health first aider", "a role that somebody was trained for"},
	{SENSITIVE_HEALTH, "en", TERM_INNOCENT, "golf handicap", "a sport"},
	{SENSITIVE_HEALTH, "de", TERM_PART, "krankheit, krankmeldung, krankschreibung, krankenakte, krankengeschichte, krankenstand, kranktage, arbeitsunfähig, behinder, schwerbeschädigt, gesundheitszustand, gesundheitsdaten, gesundheitsakte, gesundheitszeugnis, gesundheitlich, blutgruppe, schwanger, impfstatus, geimpft, arbeitsunfall, medikament, erbgut, krankenversicherungsnummer", "Krankenkasse is an insurer, not health"},
	{SENSITIVE_HEALTH, "de", TERM_ANYWHERE, "psychisch, psychische, genetisch, genetische, allergie, allergien, impfung, impfungen, au bescheinigung, eau bescheinigung, raucher"},
	{SENSITIVE_HEALTH, "de", TERM_ALONE, "gesundheit, krank, attest, diagnose, gdb, kur"},
	{SENSITIVE_HEALTH, "fr", TERM_ANYWHERE, "état de santé, données de santé, dossier médical, certificat médical, visite médicale, aptitude médicale, handicapé, handicapée, rqth, arrêt maladie, arrêt de travail, maladie, maladies, invalidité, groupe sanguin, grossesse, enceinte, vaccinée, accident du travail, génétique, génétiques, carte vitale"},
	{SENSITIVE_HEALTH, "fr", TERM_ALONE, "santé, médical, médicale, vacciné"},
	{SENSITIVE_HEALTH, "fr", TERM_INNOCENT, "assurance maladie", "an insurer"},
	{SENSITIVE_HEALTH, "es", TERM_ANYWHERE, "estado de salud, datos de salud, historial médico, historia clínica, discapacidad, discapacitado, discapacitada, minusvalía, enfermedad, enfermedades, baja médica, incapacidad, grupo sanguíneo, tipo de sangre, tipo sangre, embarazo, embarazada, alergia, alergias, vacunado, vacunada, certificado médico, reconocimiento médico, datos genéticos, accidente laboral, tarjeta sanitaria"},
	{SENSITIVE_HEALTH, "es", TERM_ALONE, "salud, diagnóstico, vacuna, vacunas, vacunación"},
	{SENSITIVE_HEALTH, "it", TERM_ANYWHERE, "stato di salute, cartella clinica, disabilità, disabile, invalidità, categoria protetta, categorie protette, legge 68, legge 104, malattia, malattie, certificato medico, visita medica, idoneità medica, gruppo sanguigno, gravidanza, allergia, allergie, infortunio, infortuni, dati sanitari, dati genetici, tessera sanitaria"},
	{SENSITIVE_HEALTH, "it", TERM_ALONE, "salute, diagnosi, vaccino, vaccinazione"},
	{SENSITIVE_HEALTH, "nl", TERM_PART, "ziekmelding, ziekteverzuim, ziekteverlof, gezondheidstoestand, gezondheidsgegevens, arbeidsgehandicapt, arbeidsongeschikt, bloedgroep, zwanger, gevaccineerd, invaliditeit"},
	{SENSITIVE_HEALTH, "nl", TERM_ANYWHERE, "medisch dossier, medische gegevens, medische keuring, ziekte, ziektes, vaccinatiestatus, genetische gegevens, wajong"},
	{SENSITIVE_HEALTH, "nl", TERM_ALONE, "gezondheid, ziek, medisch, vaccinatie"},
	{SENSITIVE_HEALTH, "pt", TERM_ANYWHERE, "estado de saúde, dados de saúde, prontuário médico, histórico médico, deficiência, deficiente, doença, doenças, atestado médico, licença médica, baixa médica, exame médico, tipo sanguíneo, grupo sanguíneo, gravidez, grávida, gestante, invalidez, dados genéticos, acidente de trabalho, vacinado, vacinada"},
	{SENSITIVE_HEALTH, "pt", TERM_ALONE, "saúde, pcd, vacina, vacinação"},

	/* Biometric data */
	{SENSITIVE_BIOMETRIC, "*", TERM_PART, "biometr", "biometric, biometrisch, biométrique, biométrico"},
	{SENSITIVE_BIOMETRIC, "en", TERM_ANYWHERE, "fingerprint template, fingerprint scan, finger scan, face scan, facial scan, facial recognition, face recognition, face template, faceprint, iris scan, iris recognition, retina scan, retinal scan, voice print, voiceprint, palm print, palm vein, hand geometry"},
	{SENSITIVE_BIOMETRIC, "en", TERM_ALONE, "fingerprint, fingerprints, face id", "keys and devices have fingerprints"},
	{SENSITIVE_BIOMETRIC, "de", TERM_PART, "fingerabdruck, fingerabdrücke, gesichtserkennung, gesichtsscan, irisscan, iriserkennung, stimmabdruck"},
	{SENSITIVE_BIOMETRIC, "fr", TERM_ANYWHERE, "empreinte digitale, empreintes digitales, reconnaissance faciale, empreinte vocale"},
	{SENSITIVE_BIOMETRIC, "es", TERM_ANYWHERE, "huella dactilar, huellas dactilares, huella digital, huellas digitales, reconocimiento facial"},
	{SENSITIVE_BIOMETRIC, "es", TERM_ALONE, "huella, huellas"},
	{SENSITIVE_BIOMETRIC, "it", TERM_ANYWHERE, "impronta digitale, impronte digitali, riconoscimento facciale"},
	{SENSITIVE_BIOMETRIC, "nl", TERM_PART, "vingerafdruk, gezichtsherkenning"},
	{SENSITIVE_BIOMETRIC, "pt", TERM_ANYWHERE, "impressão digital, impressões digitais, reconhecimento facial"},

	/* Sex life and orientation */
	{SENSITIVE_SEX_LIFE, "*", TERM_PART, "sexual, sexuel, sexuell, sessual, seksue, seksual", "sexual orientation, orientation sexuelle, orientamento sessuale; sex alone is the gender"},
	{SENSITIVE_SEX_LIFE, "en", TERM_ANYWHERE, "sex life, lgbt, lgbtq, lgbtqi, lgbtqia, same sex, transgender"},
	{SENSITIVE_SEX_LIFE, "en", TERM_ALONE, "gay, lesbian, queer"},
	{SENSITIVE_SEX_LIFE, "en", TERM_INNOCENT, "sexual harassment", "a training"},
	{SENSITIVE_SEX_LIFE, "de", TERM_INNOCENT, "sexuelle belästigung", "a training"},
	{SENSITIVE_SEX_LIFE, "fr", TERM_INNOCENT, "harcèlement sexuel", "a training"},
	{SENSITIVE_SEX_LIFE, "es", TERM_INNOCENT, "acoso sexual", "a training"},
	{SENSITIVE_SEX_LIFE, "it", TERM_INNOCENT, "molestie sessuali", "a training"},
	{SENSITIVE_SEX_LIFE, "nl", TERM_INNOCENT, "seksuele intimidatie", "a training"},
	{SENSITIVE_SEX_LIFE, "pt", TERM_INNOCENT, "assédio sexual", "a training"},

	/* Criminal records */
	{SENSITIVE_CRIMINAL_RECORD, "en", TERM_ANYWHERE, "criminal record, criminal history, criminal background, criminal conviction, criminal check, criminal charge, background check, background screening, background verification, background investigation, police check, police clearance, police certificate, police record, dbs check, dbs certificate, dbs number, dbs status, crb check, arrest record, felony, felonies, misdemeanor, misdemeanour, sex offender, court record", "the probation of an employee is no sentence"},
	{SENSITIVE_CRIMINAL_RECORD, "en", TERM_ALONE, "criminal, conviction, convictions, arrest, arrests, offence, offences, offense, offenses, dbs, crb, vetting"},
	{SENSITIVE_CRIMINAL_RECORD, "de", TERM_PART, "führungszeugnis, leumundszeugnis, vorstrafe, vorbestraft, strafregister, straftat, bundeszentralregister, hintergrundprüfung"},
	{SENSITIVE_CRIMINAL_RECORD, "de", TERM_ALONE, "verurteilung, verurteilungen"},
	{SENSITIVE_CRIMINAL_RECORD, "fr", TERM_ANYWHERE, "casier judiciaire, antécédents judiciaires, condamnation pénale, condamnations pénales, extrait de casier, vérification des antécédents"},
	{SENSITIVE_CRIMINAL_RECORD, "fr", TERM_ALONE, "condamnation, condamnations"},
	{SENSITIVE_CRIMINAL_RECORD, "es", TERM_ANYWHERE, "antecedentes penales, antecedentes policiales, certificado de penales, registro penal, certificado de delitos"},
	{SENSITIVE_CRIMINAL_RECORD, "es", TERM_ALONE, "antecedentes, condena, condenas, delito, delitos"},
	{SENSITIVE_CRIMINAL_RECORD, "it", TERM_ANYWHERE, "casellario giudiziale, casellario, precedenti penali, carichi pendenti, condanne penali, fedina penale, certificato penale"},
	{SENSITIVE_CRIMINAL_RECORD, "nl", TERM_PART, "strafblad, strafregister, strafrechtelijk, antecedentenonderzoek"},
	{SENSITIVE_CRIMINAL_RECORD, "nl", TERM_ANYWHERE, "verklaring omtrent gedrag, vog, justitiële documentatie, justitiële gegevens"},
	{SENSITIVE_CRIMINAL_RECORD, "pt", TERM_ANYWHERE, "antecedentes criminais, ficha criminal, registro criminal, registo criminal, certidão criminal, atestado de antecedentes"},

	/* Banking */
	{SENSITIVE_BANKING, "*", TERM_ANYWHERE, "iban, ibannummer, ibannumber, sepa"},
	{SENSITIVE_BANKING, "*", TERM_ALONE, "bic, swift, bank, pix, clabe, nib", "Swift is a language, too; banks have holidays"},
	{SENSITIVE_BANKING, "en", TERM_ANYWHERE, "bank account, bank detail, bank info, bank information, bank data, bank name, bank code, bank number, bank branch, bank routing, bank identifier, bank statement, banking detail, banking info, banking information, swift code, bic code, bic swift, swift bic, aba number, aba routing, sort code, bsb number, ifsc, direct deposit, direct debit, checking account, savings account, salary account, credit card, debit card, pay card, payment card, payment account, card expiry, cvv, cvc, paypal, venmo, crypto wallet, wallet address"},
	{SENSITIVE_BANKING, "en", TERM_ALONE, "banking, account number, account no, acct number, acct no, account holder, routing number, card number, card no, cardholder, aba, bsb, payment details", "accounts of the ledger and cards of a library have numbers, too"},
	{SENSITIVE_BANKING, "en", TERM_INNOCENT, "has company credit card, company credit card issued, company credit card limit", "the company's card, without its number"},
	{SENSITIVE_BANKING, "de", TERM_PART, "bankverbindung, bankkonto, bankdaten, bankleitzahl, kontonummer, kontoinhaber, kreditkarte, girokonto, gehaltskonto, lastschrift, zahlungsverbindung"},
	{SENSITIVE_BANKING, "de", TERM_ANYWHERE, "blz, kontonr, ktonr, konto nr, bankname, ec karte, geldinstitut, kreditinstitut"},
	{SENSITIVE_BANKING, "de", TERM_ALONE, "konto"},
	{SENSITIVE_BANKING, "de", TERM_INNOCENT, "sachkontonummer, aufwandskontonummer", "an account of the ledger"},
	{SENSITIVE_BANKING, "fr", TERM_ANYWHERE, "bancaire, bancaires, numéro de compte, carte de crédit, titulaire du compte"},
	{SENSITIVE_BANKING, "fr", TERM_ALONE, "banque, rib"},
	{SENSITIVE_BANKING, "fr", TERM_INNOCENT, "secteur bancaire", "an industry"},
	{SENSITIVE_BANKING, "es", TERM_ANYWHERE, "bancaria, bancario, bancarias, bancarios, número de cuenta, tarjeta de crédito, tarjeta de débito, titular de la cuenta"},
	{SENSITIVE_BANKING, "es", TERM_ALONE, "banco"},
	{SENSITIVE_BANKING, "es", TERM_INNOCENT, "sector bancario", "an industry"},
	{SENSITIVE_BANKING, "it", TERM_ANYWHERE, "conto corrente, bancario, bancaria, bancarie, numero di conto, carta di credito, intestatario conto, codice abi"},
	{SENSITIVE_BANKING, "it", TERM_ALONE, "banca"},
	{SENSITIVE_BANKING, "it", TERM_INNOCENT, "settore bancario", "an industry"},
	{SENSITIVE_BANKING, "nl", TERM_PART, "bankrekening, rekeningnummer, rekeninghouder, bankgegevens, creditcard"},
	{SENSITIVE_BANKING, "nl", TERM_ANYWHERE, "bankpas"},
	{SENSITIVE_BANKING, "pt", TERM_ANYWHERE, "bancária, bancário, bancários, número da conta, conta corrente, cartão de crédito, chave pix"},

	/* Credit ratings */
	{SENSITIVE_CREDIT_RATING, "en", TERM_ANYWHERE, "credit score, credit rating, credit check, credit history, credit report, credit worthiness, creditworthiness, credit bureau, credit standing, fico score"},
	{SENSITIVE_CREDIT_RATING, "en", TERM_ALONE, "fico, bankruptcy, bankruptcies"},
	{SENSITIVE_CREDIT_RATING, "de", TERM_PART, "schufa, bonität, kreditwürdig, kreditauskunft"},
	{SENSITIVE_CREDIT_RATING, "fr", TERM_ANYWHERE, "cote de crédit, score de crédit, notation de crédit, pointage de crédit"},
	{SENSITIVE_CREDIT_RATING, "fr", TERM_ALONE, "solvabilité"},
	{SENSITIVE_CREDIT_RATING, "es", TERM_ANYWHERE, "crediticio, crediticia, buró de crédito, asnef"},
	{SENSITIVE_CREDIT_RATING, "es", TERM_ALONE, "solvencia"},
	{SENSITIVE_CREDIT_RATING, "it", TERM_ANYWHERE, "creditizio, creditizia, punteggio di credito, centrale rischi"},
	{SENSITIVE_CREDIT_RATING, "nl", TERM_PART, "kredietwaardig, kredietscore"},
	{SENSITIVE_CREDIT_RATING, "nl", TERM_ANYWHERE, "bkr registratie, bkr toets"},
	{SENSITIVE_CREDIT_RATING, "nl", TERM_ALONE, "bkr"},
	{SENSITIVE_CREDIT_RATING, "pt", TERM_ANYWHERE, "score de crédito, pontuação de crédito, histórico de crédito, análise de crédito, restrição de crédito, serasa"},

	/* Identity documents, national ids and personal tax numbers */
	{SENSITIVE_IDENTITY_DOCUMENT, "en", TERM_ANYWHERE, "passport, driver license, drivers license, driver licence, drivers licence, driving license, driving licence, national id, national identity, national identification, national identifier, identity card, identity document, identification document, id document, government id, residence permit, residency permit, work permit, green card, visa number, visa type, visa status, visa expiry, visa expiration, immigration status, alien number, alien registration, right to work document, birth certificate, taxpayer id, taxpayer number, tax file number, aadhaar, aadhar, pan card, pan number, emirates id, iqama, nric, hkid, curp, voter id, pesel, personnummer"},
	{SENSITIVE_IDENTITY_DOCUMENT, "en", TERM_ALONE, "tax id, tax identification number, tax number, tin, itin, license, licence, id card, identity number, identification number, visa, immigration", "companies have tax numbers, cars have plates"},
	{SENSITIVE_IDENTITY_DOCUMENT, "en", TERM_INNOCENT, "passport photo uploaded, skills passport, safety passport, training passport, driver license required, drivers license required, driving licence required, driving license required, employee identification", "no document and no number of one"},
	{SENSITIVE_IDENTITY_DOCUMENT, "de", TERM_PART, "reisepass, personalausweis, ausweisnummer, ausweiskopie, führerschein, fahrerlaubnis, aufenthaltstitel, aufenthaltserlaubnis, aufenthaltsgenehmigung, arbeitserlaubnis, arbeitsgenehmigung, steueridentifikation, steueridentnummer, geburtsurkunde"},
	{SENSITIVE_IDENTITY_DOCUMENT, "de", TERM_ANYWHERE, "passnummer, ausweisnr, ausweis nr, steuer id, steuerid, steuer identifikationsnummer, steuerliche identifikationsnummer, steuernummer"},
	{SENSITIVE_IDENTITY_DOCUMENT, "de", TERM_ALONE, "ausweis, visum, idnr"},
	{SENSITIVE_IDENTITY_DOCUMENT, "de", TERM_INNOCENT, "dienstausweisnummer, betriebsausweisnummer, hausausweisnummer, mitarbeiterausweisnummer, besucherausweisnummer", "a badge of the company"},
	{SENSITIVE_IDENTITY_DOCUMENT, "fr", TERM_ANYWHERE, "passeport, carte d'identité, pièce d'identité, permis de conduire, titre de séjour, carte de séjour, permis de travail, autorisation de travail, numéro fiscal, acte de naissance"},
	{SENSITIVE_IDENTITY_DOCUMENT, "fr", TERM_ALONE, "cni"},
	{SENSITIVE_IDENTITY_DOCUMENT, "es", TERM_ANYWHERE, "pasaporte, dni, documento nacional de identidad, documento de identidad, tarjeta de identidad, carnet de conducir, permiso de conducir, licencia de conducir, cédula de identidad, tarjeta de residencia, permiso de residencia, permiso de trabajo, cuil, visado"},
	{SENSITIVE_IDENTITY_DOCUMENT, "es", TERM_ALONE, "nie, nif, cédula, rfc, rut, identificador fiscal, identificación fiscal"},
	{SENSITIVE_IDENTITY_DOCUMENT, "it", TERM_ANYWHERE, "passaporto, carta d'identità, carta identità, documento di identità, documento d'identità, codice fiscale, patente di guida, permesso di soggiorno"},
	{SENSITIVE_IDENTITY_DOCUMENT, "it", TERM_ALONE, "patente"},
	{SENSITIVE_IDENTITY_DOCUMENT, "nl", TERM_PART, "paspoort, rijbewijs, identiteitskaart, identiteitsbewijs, identiteitsdocument, verblijfsvergunning, werkvergunning, legitimatiebewijs"},
	{SENSITIVE_IDENTITY_DOCUMENT, "pt", TERM_ANYWHERE, "passaporte, carteira de identidade, bilhete de identidade, cartão de cidadão, carteira de motorista, carteira de trabalho, carta de condução, cpf, título de eleitor, título eleitor, autorização de residência, tipo de visto, número do visto"},
	{SENSITIVE_IDENTITY_DOCUMENT, "pt", TERM_ALONE, "rg, cnh"},

	/*
	 * Numbers of social insurance, the American one and those in its place
	 * elsewhere
	 */
	{SENSITIVE_US_SSN, "en", TERM_ANYWHERE, "ssn, social security, soc sec, social insurance number, sin number, national insurance, ni number, nino number, ppsn, pps number"},
	{SENSITIVE_US_SSN, "en", TERM_ALONE, "sin, nin, nino, social insurance", "the sine, and a first name"},
	{SENSITIVE_US_SSN, "de", TERM_PART, "sozialversicherungsn, sozialversicherungsausweis, rentenversicherungsn, ahvnummer"},
	{SENSITIVE_US_SSN, "de", TERM_ANYWHERE, "sv nummer, svnr, ahv nummer, ahv nr, rv nummer"},
	{SENSITIVE_US_SSN, "de", TERM_ALONE, "sozialversicherung, ahv, versicherungsnummer"},
	{SENSITIVE_US_SSN, "fr", TERM_ANYWHERE, "sécurité sociale, numéro de sécu, numéro sécu, num sécu, numéro avs, numéro insee"},
	{SENSITIVE_US_SSN, "fr", TERM_ALONE, "nir, avs"},
	{SENSITIVE_US_SSN, "es", TERM_ANYWHERE, "seguridad social, nuss, nss imss"},
	{SENSITIVE_US_SSN, "es", TERM_ALONE, "nss"},
	{SENSITIVE_US_SSN, "it", TERM_ANYWHERE, "previdenza sociale, matricola inps, posizione inps"},
	{SENSITIVE_US_SSN, "nl", TERM_PART, "burgerservicenummer, sofinummer, rijksregisternummer"},
	{SENSITIVE_US_SSN, "nl", TERM_ANYWHERE, "bsn, insz"},
	{SENSITIVE_US_SSN, "pt", TERM_ANYWHERE, "segurança social, niss, pis pasep, número do pis"},
	{SENSITIVE_US_SSN, "pt", TERM_ALONE, "pis, inss"},

	/* Words that say nothing of what a field holds */
	{SENSITIVE_COUNT, "en", TERM_NEUTRAL, "employee, employees, emp, person, people, personal, personnel, staff, worker, user, my, your, his, her, their, own, custom, field, fields, value, values, name, names, code, codes, type, types, kind, category, categories, status, id, ids, identifier, number, numbers, no, nr, num, nbr, date, dates, info, information, data, detail, details, text, description, desc, note, notes, comment, comments, other, is, has, have, had, the, of, a, an, and, or, for, in, at, to, do, does, you, primary, secondary, main, current, first, second, last, new, old, start, end, from, until, since, expiry, expiration, expires, valid, validity, issue, issued, country, self, declared, reported, identified, disclosed, option, options, flag, yes, list, key, label, hr, hris, eeo, eeoc, dynamic, extra, additional, optional, member, membership, level, percent, percentage, degree, document, doc, copy, scan, file, form, record, records, history, holder, legal"},
	{SENSITIVE_COUNT, "de", TERM_NEUTRAL, "mitarbeiter, mitarbeiterin, nummer, datum, art, typ, angabe, angaben, daten, der, die, das, des, von, und, oder, eigene, aktuell, aktuelle, gültig, bis, ab, seit, ablaufdatum, land, kennzeichen, merkmal, schlüssel, bemerkung, vorhanden, persönliche"},
	{SENSITIVE_COUNT, "fr", TERM_NEUTRAL, "employé, salarié, numéro, nom, statut, du, la, le, les, et, ou, valeur, validité, pays, personnel, personnelle, situation"},
	{SENSITIVE_COUNT, "es", TERM_NEUTRAL, "empleado, trabajador, persona, fecha, tipo, nombre, código, estado, del, el, los, valor, vencimiento, caducidad, país"},
	{SENSITIVE_COUNT, "it", TERM_NEUTRAL, "dipendente, lavoratore, numero, nome, codice, stato, della, di, il, lo, valore, scadenza, paese"},
	{SENSITIVE_COUNT, "nl", TERM_NEUTRAL, "medewerker, werknemer, persoon, soort, naam, van, het, een, en, waarde, geldig, tot"},
	{SENSITIVE_COUNT, "pt", TERM_NEUTRAL, "funcionário, empregado, colaborador, pessoa, do, da, dos, das, ou, validade"},
};

#endif							/* STAKESYNC_SENSITIVE_TERMS_H */
