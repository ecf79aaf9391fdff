//! What the phone's page says of what went wrong, as a phone would: no word of the wire.

use super::phone::LinkError;
use super::phone::send::SendError;

pub fn of_link(error: &LinkError) -> String {
    match error {
        LinkError::NotACode => {
            "Это не код для связывания. Наведите камеру на код на странице подключения".to_owned()
        }
        LinkError::NoOffer => {
            "Никто не ждёт кода для этого номера. Запросите код на странице подключения".to_owned()
        }
        LinkError::WrongCode => "Код не подошёл. Проверьте его и введите ещё раз".to_owned(),
        LinkError::Silence => "Устройство не ответило. Попробуйте ещё раз с новым кодом".to_owned(),
        LinkError::Refused(why) if why == "expired" || why == "item-not-found" => {
            "Код устарел. Возьмите новый на странице подключения".to_owned()
        }
        LinkError::Refused(why) => {
            format!("Не удалось связать устройство. Попробуйте ещё раз с новым кодом ({why})")
        }
    }
}

pub fn of_sending(error: &SendError) -> String {
    match error {
        SendError::NotRegistered(number) => format!("+{number} нет в WhatsApp"),
        SendError::NothingToQuote(_) => "Сообщения, на которое вы отвечаете, здесь больше нет".to_owned(),
        SendError::Failed(why) => format!("Сообщение не отправлено. Попробуйте ещё раз ({why})"),
    }
}
