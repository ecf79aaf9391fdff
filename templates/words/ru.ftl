# Interface words, Russian. One line is one text: key = text with {placeholders}.
# key[one], key[few], key[many] are the plural forms of one text; "~" is a space that never breaks; *stars* mark a name on the phone's screen.

product = Salonbridge
skip = К содержанию
other-language = English
request-id = Номер обращения: {id}
refresh = Обновить страницу
no-script = Обновление идёт раз в~10~секунд. С~включённым JavaScript страница меняется сразу.

connect-title = Подключение WhatsApp
connect-salon = Салон
trail = Шаги подключения
trail-link = Привязка
trail-data = Данные
trail-done = Готово
lost-line = Связь с~сервером прервалась. Восстанавливаем…
again = Попробовать ещё раз
check-again = Проверить снова
back = Вернуться в~YClients
link-again = Привязать снова
link-other = Привязать другой номер
link-new-code = Показать новый код

preparing-title = Готовим код
preparing-lead = Возьмите телефон, на~котором открыт WhatsApp салона. Код появится здесь.
preparing-slow = WhatsApp отвечает дольше обычного. Код появится сам.

qr-title = Отсканируйте код телефоном салона
qr-lead = С~этого номера клиенты получат подтверждения записей.
qr-step-open = Откройте *WhatsApp* на~телефоне
qr-step-menu = В~меню или настройках выберите *Связанные устройства*
qr-step-scan = Нажмите *Привязка устройства* и~наведите камеру на~код
qr-alt = QR-код для привязки WhatsApp
qr-renews = Обновится сам
qr-number = Код {number} из~{of}
qr-seconds = Секунд до~обновления
to-code = Нет второго экрана? Войти по~номеру
to-qr = Показать QR-код

code-title = Войдите по~номеру
code-lead = Введите номер WhatsApp салона. Мы покажем код для телефона.
code-label = Номер WhatsApp
code-hint = С~кодом страны, например +7~900~000-00-00
code-submit = Получить код
code-show-title = Введите этот код в~WhatsApp
code-show-lead = На~телефон придёт уведомление WhatsApp: нажмите его. Если не~пришло, сделайте так:
code-step-menu = В~WhatsApp откройте *Связанные устройства*, затем *Привязка устройства*
code-step-number = Внизу нажмите *Связать по~номеру телефона*
code-step-type = Введите восемь знаков кода
code-alt = Код: {code}
code-copy = Скопировать код
code-copied = Скопировано
code-left = Код действует ещё
code-other = Указать другой номер

qr-exhausted-title[one] = Код не~отсканирован за~{n}~минуту
qr-exhausted-title[few] = Код не~отсканирован за~{n}~минуты
qr-exhausted-title[many] = Код не~отсканирован за~{n}~минут
qr-exhausted-lead = Это бывает. Когда телефон будет под рукой, покажем новый.

linking-title = Телефон найден. Связываем…
linking-lead = Обычно хватает минуты. Не~закрывайте WhatsApp на~телефоне.

linked-title = Это тот номер, с~которого клиенты ждут сообщений?
linked-lead = WhatsApp привязан.
linked-yes = Да, этот
linked-other = Привязать другой

syncing-title = Загружаем данные салона
syncing-lead = Страницу можно закрыть: загрузка продолжится без неё.
sync-services = Услуги
sync-staff = Мастера
sync-schedule = Расписание
sync-count = {done} из~{total}
sync-waiting = Ждёт очереди
sync-finished = Готово: {total}

activating-title = Сообщаем YClients
activating-lead = Это последний шаг. YClients включает приложение для вашего салона.

active-title = WhatsApp подключён
active-lead = Теперь после каждой новой записи клиент получит подтверждение с~номера {phone}.
active-preview = Так его увидит клиент
trial = Отправить пробное сообщение себе
trial-done = Отправили. Откройте WhatsApp на~телефоне салона.

already-title = WhatsApp подключён
already-lead-online = Номер на~связи, подтверждения уходят клиентам.
already-title-offline = Восстанавливаем связь с~WhatsApp
already-lead-offline = Номер остаётся привязан. Сообщения ждут и~уйдут сами.
fact-number = Номер
fact-name = Имя в~WhatsApp
fact-linked = Привязан
fact-last = Последнее сообщение
fact-none = ещё не~было
relink = Перепривязать
relink-warning = Пока не~привяжете телефон заново, клиенты не~получат сообщений от~салона.
relink-yes = Отвязать и~привязать заново

refused-devices-title = К~этому номеру привязано слишком много устройств
refused-devices-lead = WhatsApp разрешает четыре связанных устройства. Откройте на~телефоне *Связанные устройства*, уберите лишнее и~попробуйте снова.
refused-business-title = Такой бизнес-аккаунт пока не~привязать
refused-business-lead = Этот номер подключён к~WhatsApp через другую программу. Возьмите номер, открытый в~приложении WhatsApp или WhatsApp Business на~телефоне.
refused-restricted-title = WhatsApp ограничил этот номер
refused-restricted-title-until = WhatsApp ограничил этот номер до~{until}
refused-restricted-lead = До~снятия ограничения новые устройства не~привязать. Подождите или возьмите другой номер.
refused-outdated-title = WhatsApp ждёт обновления от~нас
refused-outdated-lead = Он больше не~принимает нашу версию программы. От~вас ничего не~нужно: обновим и~продолжим.
refused-unreachable-title = WhatsApp не~отвечает
refused-unreachable-lead = Мы не~смогли с~ним связаться. С~вашим телефоном всё в~порядке.
refused-other-title = WhatsApp отказал в~привязке
refused-other-lead = Причину он не~назвал. Чаще всего помогает новая попытка через несколько минут.

lost-logged-out-title = WhatsApp отвязали на~телефоне
lost-logged-out-lead = Наше устройство убрали из~связанных. Клиенты сейчас не~получают сообщений. Привязать снова можно за~минуту.
lost-replaced-title = Этот вход открыт в~другом месте
lost-replaced-lead = Другая программа заняла наше место. Клиенты сейчас не~получают сообщений.
lost-replaced-again = Вернуть связь
lost-banned-title = WhatsApp ограничил номер
lost-banned-title-until = WhatsApp ограничил номер до~{until}
lost-banned-lead = До~снятия ограничения клиенты не~получают сообщений. Что за~ограничение, видно в~WhatsApp на~телефоне.
lost-outdated-title = Отправка ждёт обновления
lost-outdated-lead = WhatsApp больше не~принимает нашу версию программы. Номер остаётся привязан. От~вас ничего не~нужно.

shared-title = Этот номер уже служит салону «{salon}»
shared-lead = Один номер может писать клиентам обоих салонов: сообщения придут клиенту в~одну переписку.
shared-both = Использовать для обоих
shared-other = Выбрать другой

not-installed-title = YClients пока не~видит подключения
not-installed-lead = Откройте приложение в~YClients и~нажмите «Подключить». Если уже нажали, подождите минуту и~проверьте снова.
not-installed-open = Открыть приложение в~YClients

frozen-title = Приложение на~паузе
frozen-lead = YClients приостановил его, чаще всего до~оплаты. Номер остаётся привязан, но~клиенты не~получают сообщений.

silent-title = YClients не~отвечает
silent-lead = Мы повторяем запрос сами. Страницу можно закрыть: подключение продолжится без неё.
silent-whatsapp-done = WhatsApp привязан
silent-whatsapp-waits = Привязка WhatsApp
silent-data-waits = Данные салона ждут ответа YClients

licence-title = Лицензия YClients в~салоне закончилась
licence-lead = YClients не~отдаёт данные салона, пока лицензия не~продлена. Продлите её и~проверьте снова: подключение продолжится с~этого места.
licence-data-waits = Данные салона ждут продления лицензии

fault-title = У~нас что-то сломалось
fault-lead = Вы всё сделали верно, ошибка на~нашей стороне. Попробуйте ещё раз. Если не~поможет, назовите поддержке номер обращения.

expired-title = Ссылка действует час
expired-lead = Откройте приложение в~YClients ещё раз: вы вернётесь к~этому же шагу.
expired-open = Открыть YClients
crowded-title = Страница открыта слишком много раз
crowded-lead = Закройте лишние вкладки с~этой страницей и~обновите эту.

install-title = Установка приложения
install-no-salon-title = В~ссылке нет салона
install-no-salon-lead = Откройте приложение из~YClients: так мы узнаем, какой салон подключать.
install-signature-title = Ссылка повреждена
install-signature-lead = Подпись YClients не~сошлась. Так бывает, если ссылку переслали или скопировали не~целиком. Откройте приложение из~YClients ещё раз.
install-belongs-title = Это подключение другого салона
install-belongs-lead = Страница открыта по~ссылке одного салона, а~просит данные другого. Откройте приложение в~YClients из~нужного салона.
install-owner-title = Салон уже подключён
install-owner-lead = Эту страницу видит только тот, кто подключил приложение: по~коду с~неё можно привязать телефон. Откройте приложение в~YClients под тем~же именем или отключите его там и~подключите снова.
install-silent-title = YClients не~отвечает
install-silent-lead = Мы не~смогли проверить установку. С~вашим салоном ничего не~случилось: подождите минуту и~проверьте снова.
choose-title = С~какого салона начать?
choose-lead = Приложение установлено в~несколько салонов. После первого вернитесь сюда за~остальными.
choose-linked = подключён

error-missing-title = Такой страницы нет
error-missing-lead = Возможно, адрес набран с~ошибкой или ссылка устарела.
error-often-title = Слишком часто
error-often-lead = Подождите минуту и~обновите страницу.
error-request-title = Мы не~поняли запрос
error-request-lead = Вернитесь на~шаг назад и~попробуйте ещё раз.
error-busy-title = Сервис сейчас недоступен
error-busy-lead = Подождите минуту и~обновите страницу.
error-home = На~главную

home-title = Подтверждения записей в~WhatsApp
home-lead = Salonbridge связывает журнал YClients и~WhatsApp салона. Клиент записался, перенёс или отменил визит и~сразу узнаёт об~этом в~своём чате.
home-how = Как подключить
home-step-install = Установите приложение в~маркетплейсе YClients
home-step-scan = Отсканируйте код телефоном салона
home-step-ready = Готово: следующая запись уйдёт клиенту сообщением
home-links = Куда пойти

say-bad-phone = Проверьте номер: нужны код страны и~все цифры.
say-too-often = Слишком много попыток. Подождите минуту.
say-not-now = Сейчас это сделать нельзя: подключение уже на~другом шаге.
say-whatsapp = WhatsApp не~отвечает. Попробуйте ещё раз через минуту.
say-yclients = YClients не~отвечает. Попробуйте ещё раз через минуту.
say-fault = Ошибка на~нашей стороне. Попробуйте ещё раз.
say-offline = Нет связи с~сервером. Подождите, мы восстанавливаем её.
